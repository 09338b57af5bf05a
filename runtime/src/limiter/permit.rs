//! A charge that a handler made.
//!
//! Threat: a charge that is given back twice, or because somebody forgot it (CWE-799). Promise: it is given back by value, so once,
//! and only where that is said.

use std::fmt;

use actix_web::http::StatusCode;
use smallvec::smallvec;

use crate::policy::{Count, Quota};
use crate::quota::{QuotaStore, Reservation, Standing};

/// A charge that was made. Dropped, it stays.
#[must_use = "a permit that is dropped stays charged, which may be what is meant: then write `let _ = ..`"]
pub struct Permit {
    store: QuotaStore,
    count: Count,
    /// Nobody counted: the quota only observes, or the store is away and the quota is open then.
    charged: Option<(Reservation, Standing)>,
}

impl Permit {
    pub(super) fn new(store: &QuotaStore, quota: &Quota, charged: Option<Reservation>) -> Self {
        let charged = charged.map(|charge| {
            let standing = charge.standing();
            (charge, standing)
        });
        Self { store: store.clone(), count: quota.count, charged }
    }

    /// Where the client stands after the charge, where it was counted.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.charged.as_ref().map(|(_, standing)| *standing)
    }

    /// Takes the charge back unless its quota counts a request that is answered with this status. A store that does not answer
    /// keeps it.
    ///
    /// ```
    /// # use palisade::{LimitError, Quota, QuotaKey, RateLimiter};
    /// use actix_web::http::StatusCode;
    ///
    /// # async fn example(limiter: RateLimiter, login: &Quota, key: &QuotaKey) -> Result<(), LimitError> {
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
