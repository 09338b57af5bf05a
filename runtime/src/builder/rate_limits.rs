//! Settings of rate limits: where they are counted, who is exempt, and how long requests may wait.
//!
//! Threat: requests that wait hold connections (CWE-400). Promise: no request waits longer than [`LONGEST_WAIT`], because a
//! longer setting is rejected.

use std::time::Duration;

use super::PalisadeBuilder;
use crate::config_error::ConfigError;
use crate::policy::Rule;
use crate::proxy::address_ranges::AddressRanges;
use crate::rate_limit::{RateLimit, RateLimitHeaders, RateLimitMode, RateLimitStore};

pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl PalisadeBuilder {
    /// The numbers of the rate limits that attributes name, as in `#[rate_limit("login")]`, from a file or the environment.
    /// Repeatable, once for each name.
    ///
    /// The numbers are text such as `"5 per 15m"`, a pair such as `(5, "15m")` or `(5, Duration)`, or a [`RateLimit`] without other
    /// options. The other options, such as `count = failures`, belong to the attribute. A text that cannot be read and a name without
    /// numbers are configuration errors. If the [`routes`](Self::routes) are not given, a missing name is found at a request, which is
    /// rejected with 500.
    ///
    /// ```
    /// use palisade::{Palisade, get, public, rate_limit};
    ///
    /// #[get("/login")]
    /// #[public]
    /// #[rate_limit("login", count = failures)]
    /// async fn login() -> &'static str {
    ///     "welcome"
    /// }
    ///
    /// let limit = std::env::var("LOGIN_RATE_LIMIT").unwrap_or("5 per 15m".to_owned());
    /// let routes = palisade::scope("/api").service(login);
    /// let palisade = Palisade::builder().rate_limit("login", limit).routes(&routes).build()?;
    /// assert_eq!(palisade.policies().rows()[0].rate_limits(), "5 per 15m (failures), shared as \"login\"");
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn rate_limit<T>(mut self, name: &str, rate_limit: T) -> Self
    where
        T: TryInto<RateLimit, Error: Into<ConfigError>>,
    {
        let added = self.rate_limits.add(name, rate_limit);
        self.mistakes.note(added);
        self
    }

    /// Where rate limits are counted: a [`MemoryRateLimits`](crate::rate_limit::MemoryRateLimits), or (feature `redis`) a
    /// `RedisRateLimits` that several processes share. Default:
    /// [`MemoryRateLimits::shared`](crate::rate_limit::MemoryRateLimits::shared), one state for the whole process, even if each
    /// worker builds its own `Palisade`.
    pub fn rate_limit_store(mut self, store: impl Into<RateLimitStore>) -> Self {
        self.rate_limit_store = Some(store.into());
        self
    }

    /// Whether rate limits reject requests or only observe them. Default: [`RateLimitMode::Enforce`].
    pub fn rate_limit_mode(mut self, mode: RateLimitMode) -> Self {
        self.rate_limit_mode = mode;
        self
    }

    /// Which headers tell a client the state of its rate limits. Default: [`RateLimitHeaders::Draft11`].
    pub fn rate_limit_headers(mut self, style: RateLimitHeaders) -> Self {
        self.rate_limit_headers = style;
        self
    }

    /// Addresses whose requests no rate limit counts, such as those of a health check. Repeatable. Default: none.
    ///
    /// The address is the one that rate limits use: for a request through a trusted proxy, it is that of the client. A proxy
    /// itself is never exempt. A string that is not an address range such as `10.0.0.0/8`, or a range of all addresses, is a
    /// configuration error.
    ///
    /// Danger: a client at one of these addresses can guess passwords without limit.
    pub fn exempt_from_rate_limits(mut self, ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let ranges = AddressRanges::parse("exempt_from_rate_limits", ranges, &mut self.mistakes);
        if ranges.contain_all_addresses() {
            let problem = "must not contain a range of all addresses, because no rate limit would count anything";
            self.mistakes.report("exempt_from_rate_limits", problem);
        }
        self.exempt_clients.addresses.extend(ranges);
        self
    }

    /// Callers whose requests no rate limit counts, by a rule of roles, permissions and scopes, such as
    /// `Rule::Role("monitor")`. Default: none. Repeatable: a caller who satisfies any of the rules is exempt.
    ///
    /// The caller is known only after authentication. Earlier charges to the address are then refunded. However, a request
    /// from an address that has reached its rate limit is rejected before authentication.
    pub fn exempt_from_rate_limits_if(mut self, rule: Rule) -> Self {
        self.exempt_clients.rules.push(rule);
        self
    }

    /// How long a request waits in total for rate limits that are full of requests in flight: at most 30 seconds. Default: 2
    /// seconds. Zero: requests do not wait.
    ///
    /// It applies to rate limits whose charges can be refunded (`count = failures`, `successes` or `when(..)`): such a limit
    /// may be full although no request has failed. A request waits until one of the earlier requests has its response, and is
    /// then treated as if it had just arrived, so no window ever exceeds the limit. If the time is over first, the request is
    /// rejected with 429 and `Retry-After: 1`. It is rejected at once if 64 requests already wait for the same limit and
    /// client, or 1,024 in this process.
    ///
    /// Danger: a request that waits holds its connection.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// palisade::Palisade::builder().rate_limit_wait(Duration::from_millis(500)).build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn rate_limit_wait(mut self, longest: Duration) -> Self {
        self.rate_limit_wait = longest;
        self
    }
}

pub(super) fn checked(wait: Duration) -> Result<(), ConfigError> {
    if wait > LONGEST_WAIT {
        return Err(ConfigError::new(
            "rate_limit_wait",
            "must be at most 30 seconds, because requests that wait hold connections",
        ));
    }
    Ok(())
}
