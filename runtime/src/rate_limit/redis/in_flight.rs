//! Charges in flight, as several processes see them.
//!
//! Threat: a process that knows only its own requests takes a limit for exhausted, although the requests of another process fill
//! it only for a moment (CWE-645).
//! Promise: the number of units in flight is kept beside the charges, and the same scripts change both. A process that dies settles
//! nothing, so a minute after the last charge in flight they all count as settled. The number never changes how many requests are
//! admitted.

use std::hash::BuildHasher as _;

use super::super::limit::Limit;
use super::super::queue::Queue;
use super::super::store::ChargeRequest;
use super::RedisRateLimits;
use super::script::Act;
use crate::redis::{KeyName, spawn};

impl RedisRateLimits {
    /// The queue of the requests of this process that wait for this client's charges in flight.
    pub(in super::super) fn queue(&self, request: &ChargeRequest<'_>) -> Queue {
        let names = self.names(std::slice::from_ref(request));
        let hash = names.first().map_or(0, |name| self.hash_of(name));
        Queue::new(&self.0.queues, hash)
    }

    /// Lets a request that waits for this client decide again.
    pub(super) fn notify_settled(&self, name: &KeyName) {
        self.0.queues.notify_settled(self.hash_of(name));
    }

    /// Tells Redis that these units stay charged. The caller does not wait for it, because only other requests depend on it.
    pub(super) fn keep_charged(&self, name: KeyName, limit: Limit, units: u32, generation: u64) {
        let store = self.clone();
        let _detached = spawn(async move {
            // If Redis does not respond, they count as settled after a minute.
            let _ = store.apply(vec![(&name, limit, units, Act::Keep { generation })]).await;
            store.notify_settled(&name);
        });
    }

    fn hash_of(&self, name: &KeyName) -> u64 {
        self.0.hasher.hash_one(&name.key)
    }
}
