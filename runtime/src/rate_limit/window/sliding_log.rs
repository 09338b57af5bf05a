//! The charges of a small limit, each with its mark.
//!
//! Threat: limiters that forget at fixed instants admit 2N at the seam of two windows.
//! Promise: every charge is held for its own window, in 4 bytes.

use std::num::NonZeroU64;

use super::cells::Cells;
use super::marks::Mark;

/// The marks in order, the latest last. One that is no longer held is a free place, and those come before all others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log<const PLACES: usize>([Mark; PLACES]);

impl<const PLACES: usize> Cells for Log<PLACES> {
    const EMPTY: Self = Self([0; PLACES]);
    const ROUND: NonZeroU64 = NonZeroU64::MIN;

    #[inline]
    fn used(&mut self, first: Mark) -> u32 {
        self.0.iter().fold(0_u32, |used, mark| used.wrapping_add(u32::from(*mark >= first)))
    }

    #[inline]
    fn room(&mut self, first: Mark, limit: u32, units: u32) -> Result<u32, Mark> {
        // The marks are in order: one of them tells whether more than `limit - units` are held, and is the one to wait for.
        let place = (PLACES as u32).wrapping_sub(limit).wrapping_add(units).wrapping_sub(1);
        match self.0.get(place as usize) {
            Some(mark) if *mark < first => Ok(self.used(first)),
            Some(mark) => Err(*mark),
            None => Err(Mark::MAX),
        }
    }

    #[inline]
    fn add(&mut self, _first: Mark, mark: Mark, units: u32) {
        for _ in 0..units {
            // The first place is free: there is room for the unit.
            self.0.copy_within(1.., 0);
            if let Some(last) = self.0.last_mut() {
                *last = mark;
            }
        }
    }

    fn take_back(&mut self, _first: Mark, mark: Mark, units: u32) {
        for _ in 0..units {
            let Some(until) = self.0.iter().position(|held| *held == mark).map(|at| at.saturating_add(1)) else {
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
    fn leaves(&mut self, first: Mark, units: u32) -> Option<Mark> {
        let free = self.0.iter().fold(0_u32, |free, mark| free.wrapping_add(u32::from(*mark < first)));
        let place = free.checked_add(units)?.checked_sub(1)?;
        self.0.get(place as usize).copied()
    }

    fn newest(&self) -> Mark {
        self.0.last().copied().unwrap_or(0)
    }

    fn lower(&mut self, by: u64) {
        let by = Mark::try_from(by).unwrap_or(Mark::MAX);
        self.0 = self.0.map(|mark| mark.saturating_sub(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_takes_4_bytes_a_unit() {
        assert_eq!(std::mem::size_of::<Log<8>>(), 32);
    }

    #[test]
    fn units_leave_in_the_order_of_their_marks() {
        let mut log = Log::<4>::EMPTY;
        log.add(1, 5, 1);
        log.add(1, 7, 2);
        log.add(1, 9, 1);
        assert_eq!([1, 2, 3, 4, 5].map(|units| log.leaves(1, units)), [Some(5), Some(7), Some(7), Some(9), None]);
        assert_eq!(log.used(6), 3);
        log.add(6, 12, 1);
        assert_eq!([1, 2, 3, 4].map(|units| log.leaves(6, units)), [Some(7), Some(7), Some(9), Some(12)]);
        assert_eq!(log.newest(), 12);
        log.take_back(6, 7, 1);
        assert_eq!((log.used(6), log.leaves(6, 1)), (3, Some(7)));
        log.lower(6);
        assert_eq!([1, 2, 3, 4].map(|units| log.leaves(1, units)), [Some(1), Some(3), Some(6), None]);
    }
}
