//! How often clients may call: where that is counted, whom it exempts, and how patient it is.
//!
//! Threat: requests that wait hold connections (CWE-400). Promise: nobody waits longer than [`LONGEST_WAIT`], whatever is configured.

use std::time::Duration;

use super::PalisadeBuilder;
use crate::config_error::ConfigError;
use crate::policy::Rule;
use crate::proxy::address_ranges::AddressRanges;
use crate::rate_limit::RateLimitHeaders;
use crate::rate_limit::RateLimitMode;
use crate::rate_limit::RateLimitStore;

pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl PalisadeBuilder {
    /// Where rate limits are counted: a [`MemoryRateLimits`](crate::rate_limit::MemoryRateLimits), or (feature `redis`) a `RedisRateLimits` that several
    /// processes share. Default: [`MemoryRateLimits::shared`](crate::rate_limit::MemoryRateLimits::shared), one state for the whole process, however
    /// many workers build their own `Palisade`.
    pub fn rate_limit_store(mut self, store: impl Into<RateLimitStore>) -> Self {
        self.rate_limit_store = Some(store.into());
        self
    }

    /// Whether rate limits refuse. Default: [`RateLimitMode::Enforce`].
    pub fn rate_limit_mode(mut self, mode: RateLimitMode) -> Self {
        self.rate_limit_mode = mode;
        self
    }

    /// How answers tell a client where it stands with its rate limits. Default: [`RateLimitHeaders::Draft10`].
    pub fn rate_limit_headers(mut self, style: RateLimitHeaders) -> Self {
        self.rate_limit_headers = style;
        self
    }

    /// Addresses that no rate limit counts, such as those of a health check. Default: none. Repeatable.
    ///
    /// Danger: whoever can send from there may guess passwords without end. The address is the one that rate limits count: of a
    /// trusted proxy's requests, that of its client; a proxy itself is never exempt.
    ///
    /// # Errors
    ///
    /// If one is no address range, such as `10.0.0.0/8`, or holds everybody.
    pub fn exempt_from_rate_limits(
        mut self,
        ranges: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let ranges = AddressRanges::parse("exempt_from_rate_limits", ranges)?;
        if ranges.hold_everybody() {
            return Err(ConfigError::new(
                "exempt_from_rate_limits",
                "holds everybody, so no rate limit would count anything",
            ));
        }
        self.unlimited.addresses.extend(ranges);
        Ok(self)
    }

    /// Callers that no rate limit counts, by a rule of roles, permissions and scopes, such as `Rule::Role("monitor")`. Default: none.
    /// Repeatable: any of the rules is enough.
    ///
    /// Who calls is known only after authentication. What the address was charged before is given back then; but an address
    /// that is at its rate limit is refused before anybody knows who calls.
    pub fn exempt_from_rate_limits_if(mut self, rule: Rule) -> Self {
        self.unlimited.rules.push(rule);
        self
    }

    /// How long a request waits, in all, for limits that are full of requests in flight. Default: 2 seconds; zero is not at all.
    ///
    /// It is about limits whose charges can be given back (`count = failures`, `successes` or `when(..)`): such a limit may be full
    /// although nobody failed. A request waits until one of those before it is answered, and is then decided about as if it
    /// had just come, so no window ever has more than the limit. If the time is over first, it is refused with 429 and `Retry-After:
    /// 1`. The same holds at once where 64 requests wait for the same limit of the same client, or 1,024 in this process.
    ///
    /// Danger: a request that waits holds its connection.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// palisade::Palisade::builder().rate_limit_wait(Duration::from_millis(500)).build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    ///
    /// [`build`](Self::build) returns an error if it is longer than 30 seconds.
    pub fn rate_limit_wait(mut self, longest: Duration) -> Self {
        self.rate_limit_wait = longest;
        self
    }
}

pub(super) fn checked(wait: Duration) -> Result<Duration, ConfigError> {
    if wait > LONGEST_WAIT {
        return Err(ConfigError::new(
            "rate_limit_wait",
            "is longer than 30 seconds; requests that wait hold connections",
        ));
    }
    Ok(wait)
}
