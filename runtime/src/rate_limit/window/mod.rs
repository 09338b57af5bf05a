//! The charges of one client that still count, in time slots.
//!
//! Threat: a count that falls below zero, or a refund that lowers another count than the one that was charged, admits more
//! than the limit.
//! Promise: a refund is taken from the very time slot that was charged. If that slot no longer counts, nothing is refunded.

mod sliding_counter;
mod sliding_log;
mod time_slots;

use std::num::NonZeroU64;

pub(super) use self::sliding_counter::SlidingCounter;
pub(super) use self::sliding_log::SlidingLog;
pub(super) use self::time_slots::{CurrentSlots, Rebase, TimeSlot, TimeSlots};

/// The charges of one client. Calls come in the order of time: `first_held` and `current` never decrease between two
/// calls, except through [`Window::rebase`]. Each slot number that is charged is at least 1.
pub(super) trait Window: Copy + Send + 'static {
    /// No charges.
    const EMPTY: Self;

    /// [`Window::rebase`] accepts only multiples of this.
    const REBASE_UNIT: NonZeroU64;

    /// Charges `units` if the limit has room for them. `units` is at least 1 and at most `limit`.
    ///
    /// Returns how many units were held before, and the oldest slot that is held now.
    ///
    /// # Errors
    ///
    /// If there is no room, nothing is charged. The error is the slot that must expire before there is room.
    fn charge(&mut self, slots: CurrentSlots, limit: u32, units: u32) -> Result<(u32, TimeSlot), TimeSlot>;

    /// How many units are held. Forgets all slots before `first_held`.
    fn used(&mut self, first_held: TimeSlot) -> u32;

    /// Subtracts `units` from `slot`, or all units of the slot if it has fewer.
    fn refund(&mut self, first_held: TimeSlot, slot: TimeSlot, units: u32);

    /// The slot of the n-th oldest unit that is held; `n` starts at 1. `None` if fewer units are held.
    fn nth_oldest(&mut self, first_held: TimeSlot, n: u32) -> Option<TimeSlot>;

    /// The latest slot that has a charge, or 0.
    fn newest(&self) -> TimeSlot;

    /// Subtracts `by` from all slot numbers. A slot whose number would become less than 1 must have expired before.
    fn rebase(&mut self, by: u64);
}
