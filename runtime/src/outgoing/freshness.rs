//! How long an answer may be kept.

use std::time::Duration;

use headers::{Age, CacheControl, HeaderMap, HeaderMapExt as _};

/// The bounds for answers of one kind.
pub(crate) struct Freshness {
    pub(crate) shortest: Duration,
    /// For an answer that does not say it.
    pub(crate) otherwise: Duration,
    pub(crate) longest: Duration,
}

/// RFC 9111 §4.2.1: the `max-age` of the answer, minus its age in intermediate caches.
pub(crate) fn freshness(headers: &HeaderMap, bounds: &Freshness) -> Duration {
    let directives = headers.typed_get::<CacheControl>();
    if directives.as_ref().is_some_and(|directives| directives.no_store() || directives.no_cache()) {
        return bounds.shortest;
    }
    let max_age = directives.as_ref().and_then(CacheControl::max_age);
    let age = headers.typed_get::<Age>().map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs()));
    match max_age {
        Some(max_age) => max_age.saturating_sub(age).max(bounds.shortest).min(bounds.longest),
        None => bounds.otherwise,
    }
}

#[cfg(test)]
mod tests {
    use headers::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn cache_control_sets_the_lifetime_within_bounds() {
        let bounds = Freshness {
            shortest: Duration::from_secs(15),
            otherwise: Duration::from_secs(300),
            longest: Duration::from_secs(86_400),
        };
        for (headers, seconds) in [
            (&[][..], 300),
            (&[("cache-control", "max-age=600")], 600),
            (&[("cache-control", "public, max-age=600, must-revalidate")], 600),
            (&[("cache-control", "max-age=600"), ("age", "500")], 100),
            (&[("cache-control", "max-age=600"), ("age", "700")], 15),
            (&[("cache-control", "max-age=0")], 15),
            (&[("cache-control", "max-age=600, no-cache")], 15),
            (&[("cache-control", "no-store")], 15),
            (&[("cache-control", "public")], 300),
            (&[("cache-control", "max-age=99999999999")], 86_400),
            (&[("cache-control", "max-age=soon")], 300),
        ] {
            let pairs =
                headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            let pairs = pairs.collect::<HeaderMap>();
            assert_eq!(freshness(&pairs, &bounds), Duration::from_secs(seconds), "{headers:?}");
        }
    }
}
