//! The configuration of sessions in cookies.
//!
//! Threat: sessions that last longer than intended (CWE-613), and a cookie that another host can set (CWE-1275). Promise: timeouts out of
//! bounds, and a name without the prefix that browsers protect, are errors when the value is built.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use palisade_grammar::names::is_token_byte;

use super::{CookieSessions, CookieSessionsInner, Device, SCHEME, SessionClaims};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};

const DEFAULT_NAME: &str = "__Host-session";
const PREFIX: &str = "__Host-";
const DEFAULT_IDLE: Duration = Duration::from_secs(30 * 60);
const DEFAULT_AGE: Duration = Duration::from_secs(12 * 60 * 60);
const SHORTEST_IDLE: Duration = Duration::from_secs(60);
/// Revocations are kept for this long.
const LONGEST_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Settings of [`CookieSessions`]: see [`CookieSessions::builder`].
#[must_use]
pub struct CookieSessionsBuilder<S, R> {
    name: String,
    issuer: String,
    store: S,
    revocations: R,
    idle: Duration,
    age: Duration,
    clock: Clock,
    device: Box<dyn Fn(&HttpRequest) -> Device + Send + Sync>,
}

impl<S, R> CookieSessionsBuilder<S, R> {
    pub(super) fn new(issuer: String, store: S, revocations: R) -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            issuer,
            store,
            revocations,
            idle: DEFAULT_IDLE,
            age: DEFAULT_AGE,
            clock: Clock::system(),
            device: Box::new(Device::of),
        }
    }

    /// The name of the cookie. Default: `__Host-session`. It must begin with `__Host-`: browsers accept such a cookie only over TLS (or
    /// from `localhost`), from the very host, and for all its paths (RFC 6265bis §4.1.3.2), so no other host can set it.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// After how long without a request a session ends (ASVS V7.3.1): at least a minute. Default: 30 minutes.
    ///
    /// A use is written at most once in a tenth of this time, so a session may end up to a tenth earlier. A connection that stays
    /// open ([`Admission`](crate::admission::Admission)) is no use.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long a session lasts at most, even if it is used (ASVS V7.3.2): at least the idle timeout, at most 90 days. Default: 12 hours.
    pub fn absolute_timeout(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// What a list of sessions shows of the device on which a session began. Default: [`Device::of`], the `User-Agent` and the address.
    pub fn device(mut self, device: impl Fn(&HttpRequest) -> Device + Send + Sync + 'static) -> Self {
        self.device = Box::new(device);
        self
    }

    /// The clock by which sessions end. Default: the clock of the machine. The stores must have the same one.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The configured value.
    ///
    /// # Errors
    ///
    /// A blank issuer, a name without the prefix `__Host-` or with characters that a cookie may not have, timeouts out of bounds.
    pub fn build(self) -> Result<CookieSessions<S, R>, ConfigError> {
        let Self { name, issuer, store, revocations, idle, age, clock, device } = self;
        let mut mistakes = Mistakes::default();
        if issuer.trim().is_empty() {
            mistakes.report(
                "issuer",
                "must not be blank; use the issuer of the tokens of the same subjects, or the URL of the site",
            );
        }
        let is_name = name.len() > PREFIX.len() && name.starts_with(PREFIX) && name.bytes().all(is_token_byte);
        if !is_name {
            mistakes.report(
                "cookie_name",
                "must be `__Host-` and one word of letters, digits, `_` and hyphens, such as \"__Host-session\"",
            );
        }
        if idle < SHORTEST_IDLE {
            mistakes.report("idle_timeout", "must be at least a minute");
        }
        if age < idle || age > LONGEST_AGE {
            mistakes.report("absolute_timeout", "must be at least the idle timeout, and at most 90 days");
        }
        mistakes.into_result()?;
        let (name, claims) = (name.into(), SessionClaims::new(SCHEME, issuer, &clock));
        Ok(CookieSessions(Arc::new(CookieSessionsInner { name, claims, store, revocations, idle, age, clock, device })))
    }
}

impl<S, R> fmt::Debug for CookieSessionsBuilder<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieSessionsBuilder")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .field("idle", &self.idle)
            .field("age", &self.age)
            .finish_non_exhaustive()
    }
}
