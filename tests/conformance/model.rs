//! The charges of a client as far as they can be known from outside: each charge with bounds for its instant and its
//! units. If the test owns the store's clock, both bounds are equal.

pub struct Held {
    number: u64,
    pub from: u64,
    pub until: u64,
    least: u64,
    most: u64,
}

#[derive(Default)]
pub struct Model {
    /// The oldest charge comes first.
    held: Vec<Held>,
    last: u64,
}

impl Model {
    /// Records a charge that was made between two instants, with bounds for its units.
    pub fn take(&mut self, (from, until): (u64, u64), (least, most): (u64, u64)) -> u64 {
        self.last += 1;
        self.held.push(Held { number: self.last, from, until, least, most });
        self.last
    }

    pub fn refund(&mut self, number: u64) {
        self.held.retain(|held| held.number != number);
    }

    pub fn clear(&mut self) {
        self.held.clear();
    }

    /// Forgets charges that can no longer be held.
    pub fn forget(&mut self, now: u64, reach: u64) {
        self.held.retain(|held| held.until + reach > now);
    }

    /// The units that were certainly charged less than `length` before `now`.
    pub fn least(&self, now: u64, length: u64) -> u64 {
        self.held.iter().filter(|held| held.from + length > now).map(|held| held.least).sum()
    }

    /// The units that may have been charged less than `length` before `now`.
    pub fn most(&self, now: u64, length: u64) -> u64 {
        self.held.iter().filter(|held| held.until + length > now).map(|held| held.most).sum()
    }

    /// The units that may leave between two instants, if each is held for at least a window and at most `reach`.
    pub fn leaving(&self, (from, until): (u64, u64), window: u64, reach: u64) -> u64 {
        let may = |held: &&Held| held.from + window <= until && held.until + reach > from;
        self.held.iter().filter(may).map(|held| held.most).sum()
    }

    /// The oldest charge that is certainly still held.
    pub fn surely_oldest(&self, now: u64, window: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.least > 0 && held.from + window > now)
    }

    /// The oldest charge that may still be held.
    pub fn perhaps_oldest(&self, now: u64, reach: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.most > 0 && held.until + reach > now)
    }
}
