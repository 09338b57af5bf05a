//! The charges of a large limit, counted by mark.
//!
//! Threat: keeping every instant of a limit of a million would let one client take megabytes.
//! Promise: the same space whatever N is, and never one too many. All charges of a sub-window are held until its last
//! instant is a whole window ago.

use std::num::NonZeroU64;

use super::cells::Cells;
use super::limit::SUB_WINDOWS;
use super::marks::Mark;

/// A window that begins and ends inside a sub-window touches one more.
const CELLS: u32 = SUB_WINDOWS as u32 + 1;

/// A count that takes no more room than its limit needs.
pub(super) trait Count: Copy + Default + PartialEq + Send + Into<u32> + TryFrom<u32> + 'static {
    const ZERO: Self;
}

impl Count for u16 {
    const ZERO: Self = 0;
}

impl Count for u32 {
    const ZERO: Self = 0;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Counters<C> {
    /// No mark before it is held; `cells` holds it and those after it, each at its number modulo `CELLS`. It stands at the
    /// first that has a charge once that was looked for.
    oldest: Mark,
    used: C,
    cells: [C; CELLS as usize],
}

impl<C: Count> Counters<C> {
    #[inline]
    fn cell(&mut self, mark: Mark) -> Option<&mut C> {
        self.cells.get_mut((mark % CELLS) as usize)
    }

    #[inline]
    fn count(&self, mark: Mark) -> u32 {
        self.cells.get((mark % CELLS) as usize).map_or(0, |count| (*count).into())
    }

    fn held(&self) -> std::ops::Range<Mark> {
        self.oldest..self.oldest.saturating_add(CELLS)
    }

    fn more(count: C, units: u32) -> C {
        // The sum is at most the limit, for which the type was chosen.
        C::try_from(count.into().saturating_add(units)).unwrap_or(count)
    }

    fn less(count: C, units: u32) -> C {
        C::try_from(count.into().saturating_sub(units)).unwrap_or(count)
    }
}

impl<C: Count> Cells for Counters<C> {
    const EMPTY: Self = Self { oldest: 0, used: C::ZERO, cells: [C::ZERO; CELLS as usize] };
    const ROUND: NonZeroU64 = NonZeroU64::MIN.saturating_add(SUB_WINDOWS);

    #[inline]
    fn used(&mut self, first: Mark) -> u32 {
        if self.oldest < first {
            if first.saturating_sub(self.oldest) >= CELLS {
                *self = Self { oldest: first, ..Self::EMPTY };
            } else {
                for mark in self.oldest..first {
                    let count = self.cell(mark).map_or(C::ZERO, std::mem::take);
                    self.used = Self::less(self.used, count.into());
                }
                self.oldest = first;
            }
        }
        self.used.into()
    }

    #[inline]
    fn add(&mut self, _first: Mark, mark: Mark, units: u32) {
        if let Some(cell) = self.cell(mark) {
            *cell = Self::more(*cell, units);
            self.used = Self::more(self.used, units);
        }
    }

    fn take_back(&mut self, first: Mark, mark: Mark, units: u32) {
        self.used(first);
        if mark < self.oldest {
            return;
        }
        let units = units.min(self.count(mark));
        if let Some(cell) = self.cell(mark) {
            *cell = Self::less(*cell, units);
            self.used = Self::less(self.used, units);
        }
    }

    #[inline]
    fn leaves(&mut self, _first: Mark, units: u32) -> Option<Mark> {
        if self.used == C::ZERO {
            return None;
        }
        // Those without charges before the first that has some are passed by for good: marks come in order.
        for mark in self.held() {
            let count = self.count(mark);
            if count > 0 {
                self.oldest = mark;
                if count >= units {
                    return Some(mark);
                }
                break;
            }
        }
        let mut sum = 0_u32;
        self.held().find(|mark| {
            sum = sum.saturating_add(self.count(*mark));
            sum >= units
        })
    }

    fn newest(&self) -> Mark {
        self.held().rev().find(|mark| self.count(*mark) > 0).unwrap_or(0)
    }

    fn lower(&mut self, by: u64) {
        match Mark::try_from(by) {
            Ok(by) => {
                self.used(by.saturating_add(1));
                self.oldest = self.oldest.saturating_sub(by);
            }
            Err(_) => *self = Self::EMPTY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_take_72_bytes_up_to_65535_and_140_beyond() {
        assert_eq!(std::mem::size_of::<Counters<u16>>(), 72);
        assert_eq!(std::mem::size_of::<Counters<u32>>(), 140);
    }

    #[test]
    fn a_full_count_does_not_wrap() {
        let mut counters = Counters::<u16>::EMPTY;
        counters.used(1);
        counters.add(1, 3, 65_535);
        assert_eq!(counters.used(1), 65_535);
        assert_eq!(counters.leaves(1, 65_535), Some(3));
        counters.take_back(1, 3, 65_535);
        counters.take_back(1, 3, 1);
        assert_eq!(counters.used(1), 0);
    }

    #[test]
    fn lowering_keeps_every_count_at_its_mark() {
        let mut counters = Counters::<u32>::EMPTY;
        counters.used(100);
        for mark in 100..133 {
            counters.add(100, mark, mark);
        }
        counters.lower(99);
        let (mut sum, before) = (0, counters);
        for mark in 1..34 {
            sum += mark + 99;
            assert_eq!(counters.leaves(1, sum), Some(mark));
            assert_eq!(counters.leaves(1, sum - mark - 98), Some(mark));
        }
        counters.lower(33);
        assert_eq!(before.newest(), 33);
        assert_eq!(counters.used(1), 0);
    }
}
