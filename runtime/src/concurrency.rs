//! How many requests are inside of handlers at once.
//!
//! Threat: a few slow clients, or one slow database, fill the memory, the connections or the pool that all routes share (CWE-400,
//! CWE-770). Promise: of the requests that are counted together, never more than the limit are inside of their handlers, over all
//! workers. A request that finds no place is rejected at once, and never waits. A place is given back when the response is there, after
//! a panic, after a timeout, and when the client hangs up.
//!
//! A place is taken just before the handler is called, after its input was read and validated, so that a slow body holds none.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::denial::Denial;
use crate::handler_path::HandlerPath;

/// What is wrong with a limit.
pub(crate) fn mistake(limit: u32) -> Option<&'static str> {
    (limit == 0).then_some("must be at least 1: a concurrency of zero rejects every request")
}

/// At most `limit` requests at once of those that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HandlerConcurrency {
    pub(crate) of: CountedTogether,
    pub(crate) limit: u32,
}

/// Whose requests are counted together. It is the same in each worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CountedTogether {
    Handler(HandlerPath),
    /// All handlers of a scope, which its whole prefix and its place in the source identify.
    Scope(Box<str>, &'static Location<'static>),
}

/// The counters of one application, which all workers share.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyCounters(Mutex<HashMap<HandlerConcurrency, Arc<ConcurrencyCounter>>>);

impl ConcurrencyCounters {
    /// The counter of this limit. A mount asks once.
    pub(crate) fn of(&self, limit: &HandlerConcurrency) -> Arc<ConcurrencyCounter> {
        let mut counters = self.0.lock();
        Arc::clone(counters.entry(limit.clone()).or_insert_with(|| ConcurrencyCounter::new(limit.limit)))
    }
}

/// Counts the requests that are inside.
#[derive(Debug)]
pub(crate) struct ConcurrencyCounter {
    limit: u32,
    inside: AtomicU32,
}

impl ConcurrencyCounter {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self { limit, inside: AtomicU32::new(0) })
    }

    fn enter(self: &Arc<Self>) -> Result<ConcurrencyPlace, Denial> {
        let next = |inside: u32| inside.checked_add(1).filter(|next| *next <= self.limit);
        match self.inside.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
            Ok(_) => Ok(ConcurrencyPlace(Arc::clone(self))),
            Err(_) => Err(Denial::concurrency_exhausted()),
        }
    }
}

/// A place inside, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct ConcurrencyPlace(Arc<ConcurrencyCounter>);

impl Drop for ConcurrencyPlace {
    fn drop(&mut self) {
        // It was counted by `enter`, so this is never below zero.
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The places of one request.
pub(crate) type Places = SmallVec<[ConcurrencyPlace; 2]>;

/// Takes a place of each counter, or of none.
pub(crate) fn enter_all<'c>(counters: impl IntoIterator<Item = &'c Arc<ConcurrencyCounter>>) -> Result<Places, Denial> {
    counters.into_iter().map(ConcurrencyCounter::enter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(counter: &ConcurrencyCounter) -> u32 {
        counter.inside.load(Ordering::Acquire)
    }

    #[test]
    fn all_places_are_taken_or_none() {
        let (wide, narrow) = (ConcurrencyCounter::new(3), ConcurrencyCounter::new(1));
        let first = enter_all([&wide, &narrow]).unwrap();
        assert_eq!((inside(&wide), inside(&narrow)), (1, 1));
        assert_eq!(enter_all([&wide, &narrow]).unwrap_err().reason, "concurrency_exhausted");
        assert_eq!((inside(&wide), inside(&narrow)), (1, 1), "the rejected request holds no place");
        drop(first);
        assert_eq!((inside(&wide), inside(&narrow)), (0, 0));
    }

    #[test]
    fn each_limit_has_one_counter() {
        let (counters, here) = (ConcurrencyCounters::default(), Location::caller());
        let of_scope = |prefix: &str| CountedTogether::Scope(prefix.into(), here);
        let of_handler = CountedTogether::Handler(HandlerPath { module: "app", name: "show" });
        let limits = [
            HandlerConcurrency { of: of_scope("/a"), limit: 1 },
            HandlerConcurrency { of: of_scope("/b"), limit: 1 },
            HandlerConcurrency { of: of_scope("/a"), limit: 2 },
            HandlerConcurrency { of: of_handler, limit: 1 },
        ];
        let known: Vec<_> = limits.iter().map(|limit| counters.of(limit)).collect();
        for (at, limit) in limits.iter().enumerate() {
            for (other, counter) in known.iter().enumerate() {
                assert_eq!(Arc::ptr_eq(&counters.of(limit), counter), at == other);
            }
        }
    }
}
