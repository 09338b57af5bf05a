//! A charge that a handler made.
//!
//! Threat: a charge that is given back twice, or because somebody forgot it (CWE-799). Promise: it is given back by value, so once,
//! and only where that is said.

use std::fmt;

use actix_web::http::StatusCode;
use smallvec::smallvec;

use crate::rate_limit::{Count, RateLimit};
use crate::rate_limit::{RateLimitStatus, RateLimitStore, Reservation};

/// A charge that was made. Dropped, it stays.
#[must_use = "a permit that is dropped stays charged, which may be what is meant: then write `let _ = ..`"]
pub struct Permit {
    store: RateLimitStore,
    count: Count,
    /// Nobody counted: the rate limit only observes, or the store is away and the rate limit is open then.
    charged: Option<(Reservation, RateLimitStatus)>,
}

impl Permit {
    pub(super) fn new(store: &RateLimitStore, rate_limit: &RateLimit, charged: Option<Reservation>) -> Self {
        let charged = charged.map(|charge| {
            let standing = charge.standing();
            (charge, standing)
        });
        Self { store: store.clone(), count: rate_limit.count, charged }
    }

    /// Where the client stands after the charge, where it was counted.
    #[must_use]
    pub fn standing(&self) -> Option<RateLimitStatus> {
        self.charged.as_ref().map(|(_, standing)| *standing)
    }

    /// Takes the charge back unless its rate limit counts a request that is answered with this status. A store that does not answer
    /// keeps it.
    ///
    /// ```
    /// # use palisade::{RateLimit, RateLimiter};
    /// # use palisade::rate_limiter::{RateLimitError, RateLimitKey};
    /// use actix_web::http::StatusCode;
    ///
    /// # async fn example(limiter: RateLimiter, login: &RateLimit, key: &RateLimitKey) -> Result<(), RateLimitError> {
    /// let permit = limiter.check(login, key).await?;
    /// // The directory is away: with `Count::Failures`, that is no failure of the client.
    /// permit.settle(StatusCode::SERVICE_UNAVAILABLE).await;
    /// # Ok(()) }
    /// ```
    pub async fn settle(self, status: StatusCode) {
        if !self.count.counts(status) {
            self.give_back().await;
        }
    }

    /// Takes the charge back: what it was for did not count. A store that does not answer keeps it.
    pub async fn give_back(self) {
        if let Some((charge, _)) = self.charged {
            self.store.release(smallvec![charge]).await;
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("standing", &self.standing()).finish_non_exhaustive()
    }
}
