//! The charges of a large quota, counted by sub-window.
//!
//! Threat: keeping every instant of a quota of a million would let one client take megabytes.
//! Promise: the same space whatever N is, and never one too many. All charges of a sub-window are held until the
//! latest instant at which one of them can have been made is a whole window ago.

use super::limit::Limit;

/// Into how many parts a window is cut.
pub(super) const SUB_WINDOWS: u64 = 32;

/// A window that begins and ends inside a sub-window touches one more.
const CELLS: usize = SUB_WINDOWS as usize + 1;

#[derive(Debug)]
pub(super) struct Counters {
    /// The first sub-window that is still held; `cells` holds it and those after it, each at its number modulo `CELLS`.
    oldest: u64,
    used: u32,
    cells: Box<[u32; CELLS]>,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self { oldest: 0, used: 0, cells: Box::new([0; CELLS]) }
    }

    /// Forgets what no window that ends at `now` contains.
    pub(super) fn expire(&mut self, limit: Limit, now: u64) {
        // Sub-window s ends with instant (s + 1) * step - 1, and is gone when that is a window ago.
        let first = now.saturating_add(1).saturating_sub(limit.nanos()) / limit.step();
        let gone = usize::try_from(first.saturating_sub(self.oldest)).unwrap_or(CELLS);
        for sub_window in (self.oldest..first).take(gone.min(CELLS)) {
            if let Some(cell) = self.cell(sub_window) {
                let count = std::mem::take(cell);
                self.used = self.used.saturating_sub(count);
            }
        }
        self.oldest = self.oldest.max(first);
    }

    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// When the next charge will be forgotten.
    pub(super) fn leaves(&self, limit: Limit) -> Option<u64> {
        let cells = u64::try_from(CELLS).ok()?;
        let held = self.oldest..self.oldest.saturating_add(cells);
        let next = held.into_iter().find(|sub_window| self.count(*sub_window) > 0)?;
        let last = next.saturating_add(1).saturating_mul(limit.step().get()).saturating_sub(1);
        Some(last.saturating_add(limit.nanos()))
    }

    /// `None` if there is no cell for `now`, which is so only if [`Self::expire`] was not called for it.
    pub(super) fn add(&mut self, limit: Limit, now: u64) -> Option<u64> {
        let sub_window = now / limit.step();
        let used = self.used.checked_add(1)?;
        let cell = self.cell(sub_window)?;
        *cell = cell.checked_add(1)?;
        self.used = used;
        Some(sub_window)
    }

    pub(super) fn take_back(&mut self, sub_window: u64) {
        if let Some(cell) = self.cell(sub_window)
            && let Some(rest) = cell.checked_sub(1)
        {
            *cell = rest;
            self.used = self.used.saturating_sub(1);
        }
    }

    fn count(&self, sub_window: u64) -> u32 {
        self.place(sub_window).and_then(|place| self.cells.get(place)).copied().unwrap_or(0)
    }

    fn cell(&mut self, sub_window: u64) -> Option<&mut u32> {
        let place = self.place(sub_window)?;
        self.cells.get_mut(place)
    }

    fn place(&self, sub_window: u64) -> Option<usize> {
        let cells = u64::try_from(CELLS).ok()?;
        let held = sub_window.checked_sub(self.oldest).is_some_and(|age| age < cells);
        if held { usize::try_from(sub_window.checked_rem(cells)?).ok() } else { None }
    }
}
