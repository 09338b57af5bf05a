//! What is kept of one client's charges, in marks.
//!
//! Threat: a count that goes below zero, or that is corrected in another place than the one charged, admits more than it
//! should.
//! Promise: what was added at a mark is taken back from that mark, or, when that is forgotten, not at all.

use std::num::NonZeroU64;

use super::marks::Mark;

/// The charges of one client. Marks come in order; each mark is at least 1.
pub(super) trait Cells: Copy + Send + 'static {
    /// No charges.
    const EMPTY: Self;
    /// Marks can be lowered by a multiple of this only.
    const ROUND: NonZeroU64;

    /// How many units are held, after all before `first` are forgotten.
    fn used(&mut self, first: Mark) -> u32;

    /// Charges so many units at a mark. To be called after [`Cells::used`] for the same moment.
    fn add(&mut self, first: Mark, mark: Mark, units: u32);

    /// Takes so many units back from a mark, if it is held.
    fn take_back(&mut self, first: Mark, mark: Mark, units: u32);

    /// Whether there is room for so many units of `limit`, which they don't exceed: how many are held, or the mark with
    /// which there will be, if nothing is added.
    #[inline]
    fn room(&mut self, first: Mark, limit: u32, units: u32) -> Result<u32, Mark> {
        let used = self.used(first);
        match used.saturating_add(units).saturating_sub(limit) {
            0 => Ok(used),
            over => Err(self.leaves(first, over).unwrap_or(Mark::MAX)),
        }
    }

    /// The mark with which the last of so many units, counted from the oldest, is forgotten. `None` if there are fewer.
    fn leaves(&mut self, first: Mark, units: u32) -> Option<Mark>;

    /// The latest mark that has a charge.
    fn newest(&self) -> Mark;

    /// All marks become less by so much. What becomes less than 1 was forgotten before.
    fn lower(&mut self, by: u64);
}
