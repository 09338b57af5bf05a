//! Time slots: the steps of time in which the charges of one limit are kept.
//!
//! Threat: an instant that is rounded down expires too soon, and one unit too many is admitted.
//! Promise: an instant is rounded up to the next step, and counts until a whole window has passed since the rounded instant. So
//! a charge is held for at least a window, and for less than one step more.

use std::num::NonZeroU64;

use crate::clock::Tick;
use crate::rate_limit::limit::Limit;

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
    /// A number for `current` that stays the same when the base moves: a charge remembers it until it is refunded.
    pub(in crate::rate_limit) permanent: u64,
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
    /// The number of the step that has slot number 0.
    base: u64,
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
        }
    }

    /// The slots at `now`. If slot numbers would overflow, the base moves first, together with everything in `held`.
    #[inline]
    pub(in crate::rate_limit) fn at(&mut self, now: Tick, held: &mut impl Rebase) -> CurrentSlots {
        // The base had begun when it was set, and time never goes back.
        let since = now.as_nanos().saturating_sub(self.base.wrapping_mul(self.step.get()));
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
                CurrentSlots { now, first_held, current, permanent: self.base.saturating_add(u64::from(current)) }
            }
            _ => self.rebased(now, expired, rounded_up, held),
        }
    }

    /// Moves the base to the first step that still counts, or to less than a unit before it. Happens at most once in two windows.
    #[cold]
    fn rebased<H: Rebase>(&mut self, now: Tick, expired: u64, rounded_up: u64, held: &mut H) -> CurrentSlots {
        let by = expired.saturating_sub(expired % H::UNIT);
        self.base = self.base.saturating_add(by);
        held.rebase(by);
        let slot = |step: u64| TimeSlot::try_from(step.saturating_sub(by).saturating_add(1)).unwrap_or(TimeSlot::MAX);
        let current = slot(rounded_up);
        let permanent = self.base.saturating_add(u64::from(current));
        CurrentSlots { now, first_held: slot(expired), current, permanent }
    }

    /// The slot of a [permanent](CurrentSlots::permanent) number. `None` if it expired before the base moved.
    pub(in crate::rate_limit) fn slot_of_permanent(&self, number: u64) -> Option<TimeSlot> {
        TimeSlot::try_from(number.checked_sub(self.base)?).ok()
    }

    /// How many nanoseconds after `now` a slot expires.
    #[inline]
    pub(in crate::rate_limit) fn expires_in(&self, slot: TimeSlot, now: Tick) -> u64 {
        let number = self.base.saturating_add(u64::from(slot));
        let rounded = number.saturating_sub(1).saturating_mul(self.step.get());
        rounded.saturating_add(self.window_nanos).saturating_sub(now.as_nanos())
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
                    let CurrentSlots { first_held, permanent, .. } = slots.at(Tick::from_nanos(now), &mut Nothing);
                    [slots.base.saturating_add(first_held.into()), permanent]
                };
                let mut slots = TimeSlots::new(limit);
                assert_eq!(numbers(&mut slots), expected, "{count} {window} {now}");
                // The same after the base has moved on the way.
                let mut slots = TimeSlots::new(limit);
                let half = slots.at(Tick::from_nanos(now / 2), &mut Nothing);
                slots.base += u64::from(half.first_held) - 1;
                assert_eq!(numbers(&mut slots), expected, "{count} {window} {now}");
            }
        }
    }
}
