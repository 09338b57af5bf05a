//! What is kept of an instant: how many steps of its limit had begun.
//!
//! Threat: an instant that is rounded down is forgotten too soon, and one charge too many is admitted.
//! Promise: an instant is rounded up, and a charge is held until its rounded instant is a whole window ago. So it is held
//! a window at least, and less than a step more.

use std::num::NonZeroU64;

use super::clock::Tick;
use super::limit::Limit;

/// The number of a step, counted from a base that the holder knows. Zero is before any that is held.
pub(super) type Mark = u32;

/// The present, in marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Tick,
    /// The first mark that is still held.
    pub(super) first: Mark,
    /// The mark of a charge that is made now. Never less than `first`.
    pub(super) mark: Mark,
}

/// The steps of one limit, and from which of them marks are counted.
#[derive(Debug)]
pub(super) struct Marks {
    limit: Limit,
    step: NonZeroU64,
    /// The window is so many steps, and so many nanoseconds more.
    window: (u64, u64),
    base: u64,
}

impl Marks {
    pub(super) fn new(limit: Limit) -> Self {
        let step = limit.step();
        Self { limit, step, window: (limit.nanos() / step, limit.nanos() % step), base: 0 }
    }

    #[inline]
    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// The present. Where its mark is [`Mark::MAX`], marks have to be lowered first.
    #[inline]
    pub(super) fn moment(&self, now: Tick) -> Moment {
        let (gone, begun) = self.counted(now);
        // One more, so that zero is never held.
        let mark = Mark::try_from(begun.saturating_add(1)).unwrap_or(Mark::MAX);
        // Where the mark fits, so does what is not greater.
        Moment { now, first: (gone as Mark).wrapping_add(1), mark }
    }

    /// Counts from the first step that is held now, or up to `multiple` before, and says by how much marks become less.
    pub(super) fn lower(&mut self, now: Tick, multiple: NonZeroU64) -> u64 {
        let (gone, _) = self.counted(now);
        let by = gone.saturating_sub(gone % multiple);
        self.base = self.base.saturating_add(by);
        by
    }

    /// The number of a mark that no lowering changes, for a charge that is given back later.
    #[inline]
    pub(super) fn lasting(&self, mark: Mark) -> u64 {
        self.base.saturating_add(u64::from(mark))
    }

    pub(super) fn passing(&self, lasting: u64) -> Option<Mark> {
        Mark::try_from(lasting.checked_sub(self.base)?).ok()
    }

    /// How many nanoseconds until a mark is no longer held.
    #[inline]
    pub(super) fn until_gone(&self, mark: Mark, now: Tick) -> u64 {
        let rounded = self.lasting(mark).saturating_sub(1).saturating_mul(self.step.get());
        rounded.saturating_add(self.limit.nanos()).saturating_sub(now.as_nanos())
    }

    /// The first step that is still held, and the present one, counted from the base.
    #[inline]
    fn counted(&self, now: Tick) -> (u64, u64) {
        // The base had begun when marks were lowered to it, and time doesn't go back.
        let since = now.as_nanos().saturating_sub(self.base.wrapping_mul(self.step.get()));
        let (begun, rest) = (since / self.step, since % self.step);
        let (steps, more) = self.window;
        // A step s is gone when s * step + window <= now: one division tells both. A window has at least one step.
        let gone = begun.saturating_sub(steps.wrapping_sub(u64::from(rest >= more)));
        (gone, begun.wrapping_add(u64::from(rest > 0)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_division_tells_the_first_step_that_is_held_and_the_present_one() {
        for (count, window) in [(1, 1), (5, 900_000_000_001), (17, 1), (17, 31), (17, 33), (40, 3200), (9, 3 << 31)] {
            let limit = Limit::new(count, Duration::from_nanos(window)).unwrap();
            let step = limit.step().get();
            let near = [0, 1, step - 1, step, step + 1, window - 1, window, window + 1, window + step, 7 * window + 3];
            for now in near.into_iter().chain([u64::MAX - 1, u64::MAX]) {
                let first = now.checked_sub(window).map_or(0, |ago| ago / step + 1);
                let mut marks = Marks::new(limit);
                assert_eq!(marks.counted(Tick::from_nanos(now)), (first, now.div_ceil(step)), "{count} {window} {now}");
                marks.lower(Tick::from_nanos(now / 2), NonZeroU64::MIN);
                let (first, mark) = (first.saturating_sub(marks.base), now.div_ceil(step).saturating_sub(marks.base));
                assert_eq!(marks.counted(Tick::from_nanos(now)), (first, mark), "{count} {window} {now}");
            }
        }
    }
}
