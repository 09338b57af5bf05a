//! How patient rate limits are.
//!
//! Threat: requests that wait hold connections (CWE-400). Promise: nobody waits longer than [`LONGEST_WAIT`], whatever is configured.

use std::time::Duration;

use super::PalisadeBuilder;
use crate::error::ConfigError;

pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl PalisadeBuilder {
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
