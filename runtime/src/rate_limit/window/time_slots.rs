//! Time slots: the steps of time in which the charges of one limit are kept.
//!
//! Threat: an instant that is rounded down expires too soon, and one unit too many is admitted.
//! Promise: an instant is rounded up to the next step, and counts until a whole window has passed since the rounded instant. So
//! a charge is held for at least a window, and for less than one step more.

use std::num::NonZeroU64;

use crate::clock::Tick;
use crate::rate_limit::limit::Limit;

/// If a step has this many nanoseconds or more, most requests find the slots of the request before them.
const LONG_STEP: u64 = 1_000_000;

/// The number of a step, counted from a base that [`TimeSlots`] knows. Slot 0 is never held.
pub(in crate::rate_limit) type TimeSlot = u32;

/// An instant in time slots.
#[derive(Clone, Copy, Debug)]
pub(in crate::rate_limit) struct CurrentSlots {
    pub(in crate::rate_limit) now: Tick,
    /// The first slot that still counts.
    pub(in crate::rate_limit) first_held: TimeSlot,
    /// The slot of a charge that is made now. Never less than `first_held`.
    pub(in crate::rate_limit) current: TimeSlot,
}

/// A collection of slot numbers, which must change when the base moves.
pub(in crate::rate_limit) trait Rebase {
    /// The base moves only by multiples of this.
    const UNIT: NonZeroU64;

    /// Subtracts `by` from every slot number.
    fn rebase(&mut self, by: u64);
}

/// The steps of one limit, and the base from which slots are numbered.
#[derive(Debug)]
pub(in crate::rate_limit) struct TimeSlots {
    /// The most units in a window.
    pub(in crate::rate_limit) max_units: u32,
    window_nanos: u64,
    step: NonZeroU64,
    /// The window as a number of whole steps, and the nanoseconds that remain.
    window: (u64, u64),
    /// The number of the step that has slot number 0, and the instant at which it begins.
    base: u64,
    base_nanos: u64,
    /// When that step expires.
    base_expires: u64,
    /// The slots of the last instant, and the first instant that has other slots. Only for long steps.
    last: CurrentSlots,
    last_until: u64,
}

impl TimeSlots {
    pub(in crate::rate_limit) fn new(limit: Limit) -> Self {
        let step = limit.step();
        let window_nanos = limit.nanos();
        Self {
            max_units: limit.limit(),
            window_nanos,
            step,
            window: (window_nanos / step, window_nanos % step),
            base: 0,
            base_nanos: 0,
            base_expires: window_nanos,
            last: CurrentSlots { now: Tick::default(), first_held: 0, current: 0 },
            last_until: 0,
        }
    }

    /// The slots at `now`, which is never earlier than in the call before. If slot numbers would overflow, the base moves first,
    /// together with everything in `held`.
    #[inline]
    pub(in crate::rate_limit) fn at(&mut self, now: Tick, held: &mut impl Rebase) -> CurrentSlots {
        // Time never goes back, so nothing has changed since `last`.
        if now.as_nanos() < self.last_until {
            return CurrentSlots { now, ..self.last };
        }
        self.divided(now, held)
    }

    #[inline]
    fn divided(&mut self, now: Tick, held: &mut impl Rebase) -> CurrentSlots {
        // The base had begun when it was set, and time never goes back.
        let since = now.as_nanos().saturating_sub(self.base_nanos);
        let (begun, rest) = (since / self.step, since % self.step);
        let (steps, more) = self.window;
        // Step s has expired when s * step + window <= now. The remainders show how the division would have rounded. A window
        // has at least one step.
        let expired = begun.saturating_sub(steps.wrapping_sub(u64::from(rest >= more)));
        let rounded_up = begun.wrapping_add(u64::from(rest > 0));
        // One more, so that slot 0 is never held.
        match TimeSlot::try_from(rounded_up.saturating_add(1)) {
            // `expired` is less than `current`, so it fits too.
            Ok(current) if current < TimeSlot::MAX => {
                let first_held = (expired as TimeSlot).wrapping_add(1);
                let slots = CurrentSlots { now, first_held, current };
                if self.step.get() >= LONG_STEP {
                    self.remember(slots, rest);
                }
                slots
            }
            _ => self.rebased(now, expired, rounded_up, held),
        }
    }

    /// Remembers the slots of an instant that is `rest` nanoseconds after the beginning of a step.
    fn remember(&mut self, slots: CurrentSlots, rest: u64) {
        let (step, (_, more)) = (self.step.get(), self.window);
        let next_current = if rest == 0 { 1 } else { step.saturating_sub(rest).saturating_add(1) };
        let expires_at = if rest < more { more } else { step.saturating_add(more) };
        let next_held = expires_at.saturating_sub(rest);
        self.last = slots;
        self.last_until = slots.now.as_nanos().saturating_add(next_current.min(next_held));
    }

    /// Moves the base to the first step that still counts, or to less than a unit before it. Happens at most once in two windows.
    #[cold]
    fn rebased<H: Rebase>(&mut self, now: Tick, expired: u64, rounded_up: u64, held: &mut H) -> CurrentSlots {
        let by = expired.saturating_sub(expired % H::UNIT);
        self.move_base(by);
        held.rebase(by);
        let slot = |step: u64| TimeSlot::try_from(step.saturating_sub(by).saturating_add(1)).unwrap_or(TimeSlot::MAX);
        CurrentSlots { now, first_held: slot(expired), current: slot(rounded_up) }
    }

    fn move_base(&mut self, by: u64) {
        self.last_until = 0;
        self.base = self.base.saturating_add(by);
        self.base_nanos = self.base.saturating_mul(self.step.get());
        self.base_expires = self.base_nanos.saturating_add(self.window_nanos);
    }

    /// A number for a slot that stays the same when the base moves: a charge remembers it until it is refunded.
    #[inline]
    pub(in crate::rate_limit) fn permanent(&self, slot: TimeSlot) -> u64 {
        self.base.saturating_add(u64::from(slot))
    }

    /// The slot of a [permanent](Self::permanent) number. `None` if it expired before the base moved.
    pub(in crate::rate_limit) fn slot_of_permanent(&self, number: u64) -> Option<TimeSlot> {
        TimeSlot::try_from(number.checked_sub(self.base)?).ok()
    }

    /// How many nanoseconds after `now` a slot expires.
    #[inline]
    pub(in crate::rate_limit) fn expires_in(&self, slot: TimeSlot, now: Tick) -> u64 {
        let since_base = u64::from(slot).saturating_sub(1).saturating_mul(self.step.get());
        self.base_expires.saturating_add(since_base).saturating_sub(now.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Nothing;

    impl Rebase for Nothing {
        const UNIT: NonZeroU64 = NonZeroU64::MIN;

        fn rebase(&mut self, _by: u64) {}
    }

    #[test]
    fn first_held_and_current_slot_are_exact() {
        for (count, window) in [(1, 1), (5, 900_000_000_001), (17, 1), (17, 31), (17, 33), (40, 3200), (9, 3 << 31)] {
            let limit = Limit::new(count, Duration::from_nanos(window)).unwrap();
            let step = limit.step().get();
            let near = [0, 1, step - 1, step, step + 1, window - 1, window, window + 1, window + step, 7 * window + 3];
            for now in near.into_iter().chain([u64::MAX - 1, u64::MAX]) {
                let first_held = now.checked_sub(window).map_or(0, |ago| ago / step + 1);
                let expected = [first_held, now.div_ceil(step)].map(|number| number.saturating_add(1));
                let numbers = |slots: &mut TimeSlots| {
                    let CurrentSlots { first_held, current, .. } = slots.at(Tick::from_nanos(now), &mut Nothing);
                    [slots.permanent(first_held), slots.permanent(current)]
                };
                let mut slots = TimeSlots::new(limit);
                assert_eq!(numbers(&mut slots), expected, "{count} {window} {now}");
                // The same after the base has moved on the way.
                let mut slots = TimeSlots::new(limit);
                let half = slots.at(Tick::from_nanos(now / 2), &mut Nothing);
                slots.move_base(u64::from(half.first_held) - 1);
                assert_eq!(numbers(&mut slots), expected, "{count} {window} {now}");
            }
        }
    }

    #[test]
    fn remembered_slots_equal_computed_ones() {
        for (count, window) in [(17, 32 * LONG_STEP), (40, 100 * LONG_STEP + 7), (1000, 1 << 40), (5, 900_000_000_000)]
        {
            let limit = Limit::new(count, Duration::from_nanos(window)).unwrap();
            let (step, mut slots) = (limit.step().get(), TimeSlots::new(limit));
            let mut instants: Vec<u64> = (0..70)
                .flat_map(|number| {
                    [0, 1, 2, step / 2, window % step, window % step + 1].map(|rest| number * step + rest)
                })
                .flat_map(|instant| [instant.saturating_sub(1), instant, instant, instant + 1])
                .collect();
            instants.sort_unstable();
            let mut remembered = 0;
            for now in instants.into_iter().map(Tick::from_nanos) {
                remembered += u32::from(now.as_nanos() < slots.last_until);
                let (found, computed) = (slots.at(now, &mut Nothing), TimeSlots::new(limit).divided(now, &mut Nothing));
                assert_eq!((found.first_held, found.current), (computed.first_held, computed.current), "{now:?}");
            }
            assert_eq!(remembered > 0, step >= LONG_STEP);
        }
    }
}
