//! What a store is asked about one rate limit of a request.

use super::client::Client;
use super::limit::Limit;

/// So many units of one rate limit, for one client.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Which rate limit: one number for each that is counted apart, with its limit. One bucket has one limit.
    pub bucket: u64,
    /// How many in how long.
    pub limit: Limit,
    /// How many units, at least 1.
    pub cost: u32,
    /// Whom it counts.
    pub client: Client<'a>,
    /// Whether its refusal holds for all that is asked with it. One that only observes hinders nobody.
    pub binding: bool,
    /// Whether it is known only later that the charge stays, so that it is in flight until then.
    pub pending: bool,
}
