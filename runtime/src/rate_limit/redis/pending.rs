//! What is in flight, as several processes see it.
//!
//! Threat: a process that only knows its own requests takes a limit for used up that another process's requests fill for a moment
//! (CWE-645).
//! Promise: how many units are in flight stands beside the charges, and changes in the same scripts. A process that dies settles
//! nothing: a minute after the last charge in flight none is any more. It never changes how many are admitted.

use std::hash::BuildHasher as _;

use super::super::limit::Limit;
use super::super::queue::Queue;
use super::super::store::ChargeRequest as Ask;
use super::names::Name;
use super::script::Act;
use super::{RedisRateLimits, background};

impl RedisRateLimits {
    /// Who waits in this process for what this client has in flight.
    pub(in super::super) fn queue(&self, ask: &Ask<'_>) -> Queue {
        let names = self.0.names.all(std::slice::from_ref(ask));
        let number = names.first().map_or(0, |name| self.number(name));
        Queue::new(&self.0.queues, number)
    }

    /// Who waits for this client decides again.
    pub(super) fn settled(&self, name: &Name) {
        self.0.queues.settled(self.number(name));
    }

    /// It is sure now that so many units stay charged. Not waited for: only others care.
    pub(super) fn keep(&self, name: Name, limit: Limit, units: u32, generation: u64) {
        let store = self.clone();
        let _ends_by_itself = background::spawn(async move {
            // Where Redis does not answer, they are forgotten after a minute.
            let _ = store.settle(vec![(&name, limit, units, Act::Keep { generation })]).await;
            store.settled(&name);
        });
    }

    fn number(&self, name: &Name) -> u64 {
        self.0.numbers.hash_one(&name.key)
    }
}
