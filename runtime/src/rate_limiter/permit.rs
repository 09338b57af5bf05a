//! A charge that a handler made.
//!
//! Threat: a charge that is refunded twice, or that is refunded only because the handler forgot it (CWE-799).
//! Promise: it is refunded by value, so at most once, and only by an explicit call.

use std::fmt;

use actix_web::http::StatusCode;
use smallvec::smallvec;

use crate::rate_limit::{Count, RateLimit};
use crate::rate_limit::{RateLimitStatus, RateLimitStore, Reservation};

/// A charge that was made. If it is dropped, it stays charged.
#[must_use = "a permit that is dropped stays charged; if that is intended, write `let _ = ..`"]
pub struct Permit {
    store: RateLimitStore,
    count: Count,
    /// `None` if nothing was counted: the rate limit only observes, or the store does not respond and the rate limit admits in this
    /// case.
    charged: Option<(Reservation, RateLimitStatus)>,
}

impl Permit {
    pub(super) fn new(store: &RateLimitStore, rate_limit: &RateLimit, charged: Option<Reservation>) -> Self {
        let charged = charged.map(|charge| {
            let status = charge.status();
            (charge, status)
        });
        Self { store: store.clone(), count: rate_limit.count, charged }
    }

    /// What the client had left right after the charge. `None` if nothing was counted.
    #[must_use]
    pub fn status(&self) -> Option<RateLimitStatus> {
        self.charged.as_ref().map(|(_, status)| *status)
    }

    /// Refunds the charge, unless its rate limit counts a request whose response has this status. If the store does not respond, the
    /// charge stays.
    ///
    /// ```
    /// # use palisade::{RateLimit, RateLimiter};
    /// # use palisade::rate_limiter::{RateLimitError, RateLimitKey};
    /// use actix_web::http::StatusCode;
    ///
    /// # async fn example(limiter: RateLimiter, login: &RateLimit, key: &RateLimitKey) -> Result<(), RateLimitError> {
    /// let permit = limiter.check(login, key).await?;
    /// // The directory does not respond: with `Count::Failures`, this is not counted as a failure of the client.
    /// permit.settle(StatusCode::SERVICE_UNAVAILABLE).await;
    /// # Ok(()) }
    /// ```
    pub async fn settle(self, status: StatusCode) {
        if !self.count.counts(status) {
            self.refund().await;
        }
    }

    /// Refunds the charge, because the action that it was made for does not count. If the store does not respond, the charge
    /// stays.
    pub async fn refund(self) {
        if let Some((charge, _)) = self.charged {
            self.store.refund(smallvec![charge]).await;
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("status", &self.status()).finish_non_exhaustive()
    }
}
