//! The sliding counter: the charges of a large limit, counted for each time slot.
//!
//! Threat: a log of a limit of a million would let one client take megabytes.
//! Promise: it takes the same space for every limit, and never admits one unit too many. A slot is a 32nd of the window; all
//! units of a slot are held until a whole window has passed since the end of that slot.

use std::num::NonZeroU64;
use std::ops::Range;

use super::{CurrentSlots, TimeSlot, Window};
use crate::rate_limit::limit::SUB_WINDOWS;

/// One more than the window has slots, because a window may begin and end inside a slot.
const SLOTS: u32 = SUB_WINDOWS as u32 + 1;

/// An integer that is large enough for the limit, and no larger.
pub(in crate::rate_limit) trait CounterWidth:
    Copy + Default + PartialEq + Send + Into<u32> + TryFrom<u32> + 'static
{
    const ZERO: Self;
}

impl CounterWidth for u16 {
    const ZERO: Self = 0;
}

impl CounterWidth for u32 {
    const ZERO: Self = 0;
}

/// The units of each slot from `oldest` on, and their sum. While units are held, `oldest` is the first slot that has any.
#[derive(Clone, Copy, Debug)]
pub(in crate::rate_limit) struct SlidingCounter<C> {
    /// No slot before this one has a charge. If units are held, this one has.
    oldest: TimeSlot,
    used: C,
    /// A ring: slot `s` is counted at index `s % SLOTS`.
    counts: [C; SLOTS as usize],
}

impl<C: CounterWidth> SlidingCounter<C> {
    #[inline]
    fn count_mut(&mut self, slot: TimeSlot) -> Option<&mut C> {
        self.counts.get_mut((slot % SLOTS) as usize)
    }

    #[inline]
    fn count(&self, slot: TimeSlot) -> u32 {
        self.counts.get((slot % SLOTS) as usize).map_or(0, |count| (*count).into())
    }

    fn held(&self) -> Range<TimeSlot> {
        self.oldest..self.oldest.saturating_add(SLOTS)
    }

    /// Forgets all slots before `first_held`, which is later than `oldest`.
    #[inline(never)]
    fn expire(&mut self, first_held: TimeSlot) {
        if self.used == C::ZERO || first_held.saturating_sub(self.oldest) >= SLOTS {
            *self = Self { oldest: first_held, ..Self::EMPTY };
            return;
        }
        for slot in self.oldest..first_held {
            let count = self.count_mut(slot).map_or(C::ZERO, std::mem::take);
            self.used = Self::less(self.used, count.into());
        }
        self.oldest = first_held;
        self.skip_empty();
    }

    /// Moves `oldest` on to the first slot that has a charge.
    fn skip_empty(&mut self) {
        if let Some(first) = self.held().find(|slot| self.count(*slot) > 0) {
            self.oldest = first;
        }
    }

    fn more(count: C, units: u32) -> C {
        // The sum is at most the limit, and the type was chosen so that the limit fits.
        C::try_from(count.into().saturating_add(units)).unwrap_or(count)
    }

    fn less(count: C, units: u32) -> C {
        C::try_from(count.into().saturating_sub(units)).unwrap_or(count)
    }
}

impl<C: CounterWidth> Window for SlidingCounter<C> {
    const EMPTY: Self = Self { oldest: 0, used: C::ZERO, counts: [C::ZERO; SLOTS as usize] };
    const REBASE_UNIT: NonZeroU64 = NonZeroU64::MIN.saturating_add(SUB_WINDOWS);

    #[inline]
    fn charge(&mut self, slots: CurrentSlots, limit: u32, units: u32) -> Result<(u32, TimeSlot), TimeSlot> {
        let used = self.used(slots.first_held);
        let over = used.saturating_add(units).saturating_sub(limit);
        if over > 0 {
            return Err(self.nth_oldest(slots.first_held, over).unwrap_or(TimeSlot::MAX));
        }
        if used == 0 {
            self.oldest = slots.current;
        }
        if let Some(count) = self.count_mut(slots.current) {
            *count = Self::more(*count, units);
            self.used = Self::more(self.used, units);
        }
        Ok((used, self.oldest))
    }

    #[inline]
    fn used(&mut self, first_held: TimeSlot) -> u32 {
        if self.oldest < first_held {
            self.expire(first_held);
        }
        self.used.into()
    }

    fn refund(&mut self, first_held: TimeSlot, slot: TimeSlot, units: u32) {
        self.used(first_held);
        if slot < self.oldest {
            return;
        }
        let units = units.min(self.count(slot));
        if let Some(count) = self.count_mut(slot) {
            *count = Self::less(*count, units);
            self.used = Self::less(self.used, units);
            self.skip_empty();
        }
    }

    fn nth_oldest(&mut self, _first_held: TimeSlot, n: u32) -> Option<TimeSlot> {
        if self.used == C::ZERO {
            return None;
        }
        if self.count(self.oldest) >= n {
            return Some(self.oldest);
        }
        let mut sum = 0_u32;
        self.held().find(|slot| {
            sum = sum.saturating_add(self.count(*slot));
            sum >= n
        })
    }

    fn newest(&self) -> TimeSlot {
        self.held().rev().find(|slot| self.count(*slot) > 0).unwrap_or(0)
    }

    fn rebase(&mut self, by: u64) {
        match TimeSlot::try_from(by) {
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
    use crate::clock::Tick;

    fn charge<C: CounterWidth>(counter: &mut SlidingCounter<C>, first_held: TimeSlot, current: TimeSlot, units: u32) {
        let slots = CurrentSlots { now: Tick::default(), first_held, current };
        counter.charge(slots, u32::MAX, units).unwrap();
    }

    #[test]
    fn counter_takes_72_or_140_bytes() {
        assert_eq!(std::mem::size_of::<SlidingCounter<u16>>(), 72);
        assert_eq!(std::mem::size_of::<SlidingCounter<u32>>(), 140);
    }

    #[test]
    fn a_full_count_does_not_wrap() {
        let mut counter = SlidingCounter::<u16>::EMPTY;
        charge(&mut counter, 1, 3, 65_535);
        assert_eq!(counter.used(1), 65_535);
        assert_eq!(counter.nth_oldest(1, 65_535), Some(3));
        counter.refund(1, 3, 65_535);
        counter.refund(1, 3, 1);
        assert_eq!(counter.used(1), 0);
    }

    #[test]
    fn a_rebase_keeps_every_count_in_its_slot() {
        let mut counter = SlidingCounter::<u32>::EMPTY;
        for slot in 100..133 {
            charge(&mut counter, 100, slot, slot);
        }
        counter.rebase(99);
        let (mut sum, before) = (0, counter);
        for slot in 1..34 {
            sum += slot + 99;
            assert_eq!(counter.nth_oldest(1, sum), Some(slot));
            assert_eq!(counter.nth_oldest(1, sum - slot - 98), Some(slot));
        }
        counter.rebase(33);
        assert_eq!(before.newest(), 33);
        assert_eq!(counter.used(1), 0);
    }
}
