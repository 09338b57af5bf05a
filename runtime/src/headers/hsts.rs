//! `Strict-Transport-Security` (RFC 6797).
//!
//! Threat: a network that answers for the server over plain HTTP, before the redirect to HTTPS (CWE-319; ASVS V3.4.1). Promise:
//! browsers that reached the server over TLS once use nothing else for a year, also for its subdomains.

use std::time::Duration;

use actix_web::http::header::HeaderValue;

use super::prepared::prepared_value;
use crate::config_error::Mistakes;

/// A year: ASVS V3.4.1, and the least that the preload list of the browsers takes.
const YEAR: Duration = Duration::from_secs(31_536_000);

/// For how long browsers use only HTTPS for the host: [`PalisadeBuilder::hsts`](crate::PalisadeBuilder::hsts).
///
/// It is sent over TLS only, and if a [trusted proxy](crate::PalisadeBuilder::trusted_proxies) reports that the client uses
/// HTTPS (RFC 6797 §7.2).
///
/// ```
/// use palisade::Palisade;
/// use palisade::headers::Hsts;
/// use std::time::Duration;
///
/// let two_years = Hsts::new().max_age(Duration::from_secs(2 * 31_536_000)).preload();
/// Palisade::builder().hsts(two_years).build()?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Hsts {
    max_age: Duration,
    with_subdomains: bool,
    preload: bool,
}

impl Hsts {
    /// One year, with all subdomains, without preload.
    pub const fn new() -> Self {
        Self { max_age: YEAR, with_subdomains: true, preload: false }
    }

    /// For how long. Default: one year. Less than a second is cut off.
    ///
    /// Danger: ASVS V3.4.1 requires a year. With zero, browsers forget the host (RFC 6797 §6.1.1).
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Leaves out the subdomains.
    ///
    /// Danger: a subdomain over plain HTTP can set cookies for the whole domain (ASVS V3.4.1 requires the subdomains from level 2).
    pub const fn danger_without_subdomains(mut self) -> Self {
        self.with_subdomains = false;
        self
    }

    /// Asks for a place in the list that browsers ship, so that even the first request uses HTTPS. The list takes only hosts with a
    /// `max_age` of a year or more, and with subdomains (<https://hstspreload.org>): anything else is a configuration error.
    ///
    /// Danger: it takes months to leave the list.
    pub const fn preload(mut self) -> Self {
        self.preload = true;
        self
    }

    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        if self.preload && (self.max_age < YEAR || !self.with_subdomains) {
            let problem = "must have a `max_age` of at least a year (31,536,000 s) and include subdomains, because the preload list \
                           takes no other host; without `.preload()` both are allowed";
            mistakes.report("hsts", problem);
        }
    }

    /// The value of the default.
    pub(super) const DEFAULT: &'static str = "max-age=31536000; includeSubDomains";

    pub(super) fn value(&self) -> Option<HeaderValue> {
        let subdomains = if self.with_subdomains { "; includeSubDomains" } else { "" };
        let preload = if self.preload { "; preload" } else { "" };
        prepared_value(&format!("max-age={}{subdomains}{preload}", self.max_age.as_secs()))
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preload_needs_a_year_and_subdomains() {
        let problems = |hsts: &Hsts| {
            let mut mistakes = Mistakes::default();
            hsts.check(&mut mistakes);
            mistakes.into_result().is_err()
        };
        let short = Duration::from_secs(31_535_999);
        assert!(problems(&Hsts::new().preload().max_age(short)));
        assert!(problems(&Hsts::new().preload().danger_without_subdomains()));
        for (hsts, value) in [
            (Hsts::new(), "max-age=31536000; includeSubDomains"),
            (Hsts::new().preload(), "max-age=31536000; includeSubDomains; preload"),
            (Hsts::new().max_age(short).danger_without_subdomains(), "max-age=31535999"),
        ] {
            assert!(!problems(&hsts));
            assert_eq!(hsts.value().unwrap(), value);
        }
    }
}
