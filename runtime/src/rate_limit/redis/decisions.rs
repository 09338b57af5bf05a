//! The decisions of this store, for the tests and benches of this workspace, which ask without a request.

use super::super::status::RateLimitStatus;
use super::super::store::ChargeRequest;
use super::{RedisCharge, RedisDecision, RedisRateLimits};
use crate::unavailable::Unavailable;

/// The decisions of a [`RedisRateLimits`]. Each returns [`Unavailable`] if Redis did not respond in time.
pub trait RedisDecisions {
    /// Charges all requests, or none if a binding one is rejected.
    fn reserve(
        &self,
        requests: &[ChargeRequest<'_>],
    ) -> impl Future<Output = Result<Vec<RedisDecision>, Unavailable>> + Send;

    /// Refunds charges, each in the time slot where it was charged, and returns the status of the clients.
    fn refund(
        &self,
        charges: Vec<RedisCharge>,
    ) -> impl Future<Output = Result<Vec<RateLimitStatus>, Unavailable>> + Send;

    /// Charges as many units as there is room for, and never rejects.
    fn charge(&self, request: &ChargeRequest<'_>) -> impl Future<Output = Result<RateLimitStatus, Unavailable>> + Send;

    /// The status of the clients. Charges nothing.
    fn status(
        &self,
        requests: &[ChargeRequest<'_>],
    ) -> impl Future<Output = Result<Vec<RateLimitStatus>, Unavailable>> + Send;

    /// Forgets all charges of this client in this bucket.
    fn reset(&self, request: &ChargeRequest<'_>) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Each calls the method of the store that has the same name.
impl RedisDecisions for RedisRateLimits {
    async fn reserve(&self, requests: &[ChargeRequest<'_>]) -> Result<Vec<RedisDecision>, Unavailable> {
        self.reserve(requests).await
    }

    async fn refund(&self, charges: Vec<RedisCharge>) -> Result<Vec<RateLimitStatus>, Unavailable> {
        self.refund(charges).await
    }

    async fn charge(&self, request: &ChargeRequest<'_>) -> Result<RateLimitStatus, Unavailable> {
        self.charge(request).await
    }

    async fn status(&self, requests: &[ChargeRequest<'_>]) -> Result<Vec<RateLimitStatus>, Unavailable> {
        self.status(requests).await
    }

    async fn reset(&self, request: &ChargeRequest<'_>) -> Result<(), Unavailable> {
        self.reset(request).await
    }
}
