//! The charges of a small limit, each with its mark.
//!
//! Threat: limiters that forget at fixed instants admit 2N at the seam of two windows.
//! Promise: every charge is held for its own window, in 4 bytes.

use std::num::NonZeroU64;

use super::cells::Cells;
use super::marks::Mark;

/// The marks in no order. One that is no longer held is a free place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log<const PLACES: usize>([Mark; PLACES]);

impl<const PLACES: usize> Cells for Log<PLACES> {
    const EMPTY: Self = Self([0; PLACES]);
    const ROUND: NonZeroU64 = NonZeroU64::MIN;

    #[inline]
    fn used(&mut self, first: Mark) -> u32 {
        self.0.iter().fold(0_u32, |used, mark| used.saturating_add(u32::from(*mark >= first)))
    }

    #[inline]
    fn add(&mut self, first: Mark, mark: Mark, units: u32) {
        let free = self.0.iter_mut().filter(|place| **place < first);
        for (place, _) in free.zip(0..units) {
            *place = mark;
        }
    }

    fn take_back(&mut self, _first: Mark, mark: Mark, units: u32) {
        let taken = self.0.iter_mut().filter(|place| **place == mark);
        for (place, _) in taken.zip(0..units) {
            *place = 0;
        }
    }

    #[inline]
    fn leaves(&self, first: Mark, units: u32) -> Option<Mark> {
        let held = || self.0.iter().copied().filter(|mark| *mark >= first);
        if units == 1 {
            return held().min();
        }
        let mut marks = self.0.map(|mark| if mark >= first { mark } else { Mark::MAX });
        marks.sort_unstable();
        let place = usize::try_from(units.checked_sub(1)?).ok()?;
        marks.get(place).copied().filter(|_| place < held().count())
    }

    fn newest(&self) -> Mark {
        self.0.iter().copied().max().unwrap_or(0)
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
    fn units_leave_in_the_order_of_their_marks_wherever_they_stand() {
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
