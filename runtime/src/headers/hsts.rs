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
    /// Whether browsers shall forget the host, whatever the other fields say.
    forgets: bool,
}

impl Hsts {
    /// One year, with all subdomains, without preload.
    pub const fn new() -> Self {
        Self { max_age: YEAR, with_subdomains: true, preload: false, forgets: false }
    }

    /// For how long. Default: one year. Parts of a second are cut off.
    ///
    /// Less than a second is a configuration error, because browsers forget the host then:
    /// [`danger_forget_host`](Self::danger_forget_host).
    ///
    /// Danger: ASVS V3.4.1 requires a year.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self.forgets = false;
        self
    }

    /// `max-age=0`: browsers forget that the host uses only HTTPS (RFC 6797 §6.1.1).
    ///
    /// For a host that goes back to plain HTTP: send it over TLS until the browsers have it. A later [`max_age`](Self::max_age) undoes
    /// it. To send no header at all is [`danger_without`](crate::SecurityHeaders::danger_without): browsers keep what they know then.
    ///
    /// Danger: each browser that reads it may use plain HTTP again, and the network can read and change that (CWE-319).
    ///
    /// ```
    /// use palisade::Palisade;
    /// use palisade::headers::Hsts;
    /// use std::time::Duration;
    ///
    /// Palisade::builder().hsts(Hsts::danger_forget_host()).build()?;
    /// assert!(Palisade::builder().hsts(Hsts::new().max_age(Duration::ZERO)).build().is_err());
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub const fn danger_forget_host() -> Self {
        Self { forgets: true, ..Self::new() }
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
        if self.max_age.as_secs() == 0 {
            let problem = "must have a `max_age` of at least a second, because with zero browsers forget that the host uses only \
                           HTTPS; if that is meant, use `Hsts::danger_forget_host()`";
            mistakes.report("hsts", problem);
        }
        if self.preload && (self.forgets || self.max_age < YEAR || !self.with_subdomains) {
            let problem = "must have a `max_age` of at least a year (31,536,000 s) and include subdomains, because the preload list \
                           takes no other host; without `.preload()` both are allowed";
            mistakes.report("hsts", problem);
        }
    }

    /// The value of the default.
    pub(super) const DEFAULT: &'static str = "max-age=31536000; includeSubDomains";

    pub(super) fn value(&self) -> Option<HeaderValue> {
        if self.forgets {
            return Some(HeaderValue::from_static("max-age=0"));
        }
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

    /// `max-age=0` ends the protection of the browsers that have it (RFC 6797 §6.1.1), so it must not happen by a computed duration.
    #[test]
    fn host_is_forgotten_only_by_name() {
        for zero in [Duration::ZERO, Duration::from_millis(999)] {
            for hsts in [Hsts::new().max_age(zero), Hsts::danger_forget_host().max_age(zero)] {
                let mut mistakes = Mistakes::default();
                hsts.check(&mut mistakes);
                let mistake = mistakes.into_result().unwrap_err().to_string();
                assert!(mistake.contains("at least a second") && mistake.contains("danger_forget_host"), "{mistake}");
            }
        }
        let mut mistakes = Mistakes::default();
        Hsts::danger_forget_host().check(&mut mistakes);
        Hsts::danger_forget_host().max_age(YEAR).check(&mut mistakes);
        mistakes.into_result().unwrap();
        assert_eq!(Hsts::danger_forget_host().value().unwrap(), "max-age=0");
        assert_eq!(Hsts::danger_forget_host().max_age(YEAR).value(), Hsts::new().value());
    }

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
        assert!(problems(&Hsts::danger_forget_host().preload()));
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
