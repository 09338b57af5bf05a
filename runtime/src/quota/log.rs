//! The charges of a small quota, each with its instant.
//!
//! Threat: limiters that forget at fixed instants admit 2N at the seam of two windows.
//! Promise: exact, in 8 bytes a charge.

use std::collections::VecDeque;

use super::limit::Limit;

#[derive(Debug)]
pub(super) struct Log {
    /// Oldest first.
    charges: VecDeque<u64>,
}

impl Log {
    pub(super) fn new(limit: Limit) -> Self {
        let places = usize::try_from(limit.limit()).unwrap_or(usize::MAX);
        Self { charges: VecDeque::with_capacity(places) }
    }

    /// Forgets what no window that ends at `now` contains.
    pub(super) fn expire(&mut self, limit: Limit, now: u64) {
        while self.charges.front().is_some_and(|oldest| now.saturating_sub(*oldest) >= limit.nanos()) {
            self.charges.pop_front();
        }
    }

    pub(super) fn used(&self) -> u32 {
        u32::try_from(self.charges.len()).unwrap_or(u32::MAX)
    }

    /// When the next charge will be forgotten.
    pub(super) fn leaves(&self, limit: Limit) -> Option<u64> {
        self.charges.front().map(|oldest| oldest.saturating_add(limit.nanos()))
    }

    /// `now` must not be earlier than at the last call.
    pub(super) fn add(&mut self, now: u64) -> u64 {
        self.charges.push_back(now);
        now
    }

    pub(super) fn take_back(&mut self, instant: u64) {
        if let Ok(place) = self.charges.binary_search(&instant) {
            self.charges.remove(place);
        }
    }
}
