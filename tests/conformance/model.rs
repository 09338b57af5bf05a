//! What a client was charged, as far as it can be known from outside: every charge with the instants between which, and the
//! units between which, it was made. In a store whose clock the test owns both are one.

pub struct Held {
    number: u64,
    pub from: u64,
    pub until: u64,
    least: u64,
    most: u64,
}

#[derive(Default)]
pub struct Model {
    /// Oldest first.
    held: Vec<Held>,
    last: u64,
}

impl Model {
    /// A charge made between two instants, of at least and at most so many units.
    pub fn take(&mut self, (from, until): (u64, u64), (least, most): (u64, u64)) -> u64 {
        self.last += 1;
        self.held.push(Held { number: self.last, from, until, least, most });
        self.last
    }

    pub fn give_back(&mut self, number: u64) {
        self.held.retain(|held| held.number != number);
    }

    pub fn clear(&mut self) {
        self.held.clear();
    }

    /// What can be held no longer is not looked at again.
    pub fn forget(&mut self, now: u64, reach: u64) {
        self.held.retain(|held| held.until + reach > now);
    }

    /// The units that surely were charged less than `length` before `now`.
    pub fn least(&self, now: u64, length: u64) -> u64 {
        self.held.iter().filter(|held| held.from + length > now).map(|held| held.least).sum()
    }

    /// The units that may have been.
    pub fn most(&self, now: u64, length: u64) -> u64 {
        self.held.iter().filter(|held| held.until + length > now).map(|held| held.most).sum()
    }

    /// The units that may leave between two instants, if they are held for a window at least and `reach` at most.
    pub fn leaving(&self, (from, until): (u64, u64), window: u64, reach: u64) -> u64 {
        let may = |held: &&Held| held.from + window <= until && held.until + reach > from;
        self.held.iter().filter(may).map(|held| held.most).sum()
    }

    /// The oldest charge that is surely held.
    pub fn surely_oldest(&self, now: u64, window: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.least > 0 && held.from + window > now)
    }

    /// The oldest charge that may be held.
    pub fn perhaps_oldest(&self, now: u64, reach: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.most > 0 && held.until + reach > now)
    }
}
