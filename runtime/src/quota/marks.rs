//! What is kept of an instant: how many steps of its limit had begun.
//!
//! Threat: an instant that is rounded down is forgotten too soon, and one charge too many is admitted.
//! Promise: an instant is rounded up, and a charge is held until its rounded instant is a whole window ago. So it is held
//! a window at least, and less than a step more.

use std::num::NonZeroU64;
use std::time::Duration;

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
    base: u64,
}

impl Marks {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, step: limit.step(), base: 0 }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// The present. Where its mark is [`Mark::MAX`], marks have to be lowered first.
    #[inline]
    pub(super) fn moment(&self, now: Tick) -> Moment {
        let (first, mark) = self.held(now);
        // One more, so that zero is never held.
        let above = |step: u64| Mark::try_from(step.saturating_sub(self.base).saturating_add(1)).unwrap_or(Mark::MAX);
        Moment { now, first: above(first), mark: above(mark) }
    }

    /// Counts from the first step that is held now, or up to `multiple` before, and says by how much marks become less.
    pub(super) fn lower(&mut self, now: Tick, multiple: NonZeroU64) -> u64 {
        let (first, _) = self.held(now);
        let surplus = first.saturating_sub(self.base);
        let by = surplus.saturating_sub(surplus % multiple);
        self.base = self.base.saturating_add(by);
        by
    }

    /// The number of a mark that no lowering changes, for a charge that is given back later.
    pub(super) fn lasting(&self, mark: Mark) -> u64 {
        self.base.saturating_add(u64::from(mark))
    }

    pub(super) fn passing(&self, lasting: u64) -> Option<Mark> {
        Mark::try_from(lasting.checked_sub(self.base)?).ok()
    }

    /// How long until a mark is no longer held.
    pub(super) fn until_gone(&self, mark: Mark, now: Tick) -> Duration {
        let rounded = self.lasting(mark).saturating_sub(1).saturating_mul(self.step.get());
        Duration::from_nanos(rounded.saturating_add(self.limit.nanos()).saturating_sub(now.as_nanos()))
    }

    /// The first step that is still held, and the present one.
    fn held(&self, now: Tick) -> (u64, u64) {
        let mark = now.as_nanos().div_ceil(self.step.get());
        // A step s is gone when s * step + window <= now.
        let first = now.as_nanos().checked_sub(self.limit.nanos()).map_or(0, |ago| (ago / self.step).saturating_add(1));
        (first, mark)
    }
}
