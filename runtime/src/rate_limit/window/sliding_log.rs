//! The sliding log: the charges of a small limit, each with its time slot.
//!
//! Threat: a limiter that resets its count at fixed instants admits 2N units around such an instant.
//! Promise: each charge counts for a window of its own. It takes 4 bytes.

use std::num::NonZeroU64;

use super::{CurrentSlots, TimeSlot, Window};

/// The slots of up to `N` units in ascending order. Entries that have expired are free, and come before all others.
#[derive(Clone, Copy, Debug)]
pub(in crate::rate_limit) struct SlidingLog<const N: usize>([TimeSlot; N]);

impl<const N: usize> Window for SlidingLog<N> {
    const EMPTY: Self = Self([0; N]);
    const REBASE_UNIT: NonZeroU64 = NonZeroU64::MIN;

    #[inline]
    fn charge(&mut self, slots: CurrentSlots, limit: u32, units: u32) -> Result<(u32, TimeSlot), TimeSlot> {
        // The entries are sorted, so one of them decides: if it has expired, at most `limit - units` are held. If not, there
        // is room as soon as it expires.
        let deciding = (N as u32).wrapping_sub(limit).wrapping_add(units).wrapping_sub(1);
        match self.0.get(deciding as usize) {
            Some(slot) if *slot < slots.first_held => {}
            Some(slot) => return Err(*slot),
            None => return Err(TimeSlot::MAX),
        }
        let used = self.0.iter().fold(0_u32, |used, slot| used.wrapping_add(u32::from(*slot >= slots.first_held)));
        for _ in 0..units {
            // The first entry is free, because there is room.
            self.0.copy_within(1.., 0);
            if let Some(last) = self.0.last_mut() {
                *last = slots.current;
            }
        }
        let oldest = (N as u32).wrapping_sub(used).wrapping_sub(units);
        Ok((used, self.0.get(oldest as usize).copied().unwrap_or(slots.current)))
    }

    #[inline]
    fn used(&mut self, first_held: TimeSlot) -> u32 {
        self.0.iter().fold(0_u32, |used, slot| used.wrapping_add(u32::from(*slot >= first_held)))
    }

    fn refund(&mut self, _first_held: TimeSlot, slot: TimeSlot, units: u32) {
        for _ in 0..units {
            let Some(until) = self.0.iter().position(|held| *held == slot).map(|at| at.saturating_add(1)) else {
                return;
            };
            if let Some(before) = self.0.get_mut(..until) {
                before.rotate_right(1);
                if let Some(free) = before.first_mut() {
                    *free = 0;
                }
            }
        }
    }

    #[inline]
    fn nth_oldest(&mut self, first_held: TimeSlot, n: u32) -> Option<TimeSlot> {
        let free = self.0.iter().fold(0_u32, |free, slot| free.wrapping_add(u32::from(*slot < first_held)));
        let at = free.checked_add(n)?.checked_sub(1)?;
        self.0.get(at as usize).copied()
    }

    fn newest(&self) -> TimeSlot {
        self.0.last().copied().unwrap_or(0)
    }

    fn rebase(&mut self, by: u64) {
        let by = TimeSlot::try_from(by).unwrap_or(TimeSlot::MAX);
        self.0 = self.0.map(|slot| slot.saturating_sub(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Tick;

    fn slots(first_held: TimeSlot, current: TimeSlot) -> CurrentSlots {
        CurrentSlots { now: Tick::default(), first_held, current }
    }

    #[test]
    fn a_unit_takes_4_bytes() {
        assert_eq!(std::mem::size_of::<SlidingLog<8>>(), 32);
    }

    #[test]
    fn units_expire_in_the_order_of_their_slots() {
        let mut log = SlidingLog::<4>::EMPTY;
        assert_eq!(log.charge(slots(1, 5), 4, 1), Ok((0, 5)));
        assert_eq!(log.charge(slots(1, 7), 4, 2), Ok((1, 5)));
        assert_eq!(log.charge(slots(1, 9), 4, 1), Ok((3, 5)));
        assert_eq!(log.charge(slots(1, 9), 4, 2), Err(7));
        assert_eq!([1, 2, 3, 4, 5].map(|n| log.nth_oldest(1, n)), [Some(5), Some(7), Some(7), Some(9), None]);
        assert_eq!(log.used(6), 3);
        assert_eq!(log.charge(slots(6, 12), 4, 1), Ok((3, 7)));
        assert_eq!([1, 2, 3, 4].map(|n| log.nth_oldest(6, n)), [Some(7), Some(7), Some(9), Some(12)]);
        assert_eq!(log.newest(), 12);
        log.refund(6, 7, 1);
        assert_eq!((log.used(6), log.nth_oldest(6, 1)), (3, Some(7)));
        log.rebase(6);
        assert_eq!([1, 2, 3, 4].map(|n| log.nth_oldest(1, n)), [Some(1), Some(3), Some(6), None]);
    }
}
