//! The clients of one shelf that have the same limit.
//!
//! Threat: bookkeeping that is larger than what it keeps lets a flood of addresses exhaust memory (CWE-770).
//! Promise: a slot holds a fingerprint, a serial and the charges, in the form that takes least for its limit. Rows grow by
//! pieces, so that what is not used is little.

use std::time::Duration;

use super::cells::Cells;
use super::clock::Tick;
use super::counters::Counters;
use super::index::{Index, Place};
use super::key::{Key, Print};
use super::limit::Limit;
use super::log::Log;
use super::marks::{Mark, Marks, Moment};
use super::pile::Pile;
use super::verdict::{RateLimitStatus, Wait};

/// Which charge a release gives back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// When: a mark that stays the same however marks are lowered.
    lasting: u64,
    /// Tells the slot of a client that was forgotten and came back from the one that it had before.
    serial: u32,
}

/// A charge, and where the client stands right after it. Times are in nanoseconds: what nobody asks for isn't converted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charged {
    pub(super) ticket: Ticket,
    pub(super) remaining: u32,
    pub(super) reset: u64,
}

impl Charged {
    #[inline]
    pub(super) fn standing(&self) -> RateLimitStatus {
        RateLimitStatus { remaining: self.remaining, reset: Duration::from_nanos(self.reset) }
    }
}

/// The outcome of a charge, or how long to wait until there is room for it.
pub(super) type Outcome = Result<Charged, Wait>;

/// What decides who leaves a full shelf.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// How many were looked at.
    pub(super) seen: usize,
    /// Of those not at their rate limit, the one with the smallest part of it used, and of two such the one not charged for
    /// longer: that part, for how much longer it is charged, and where it stands.
    pub(super) quietest: Option<(u64, u64, usize, Place)>,
    /// How many nanoseconds until the first of those at their rate limit no longer is.
    pub(super) wait: Option<u64>,
}

/// A rack, whatever form its charges have. `Place`s are those of the present moment: any change may renumber them.
pub(super) trait Rack: Send {
    fn len(&self) -> usize;

    /// Charges a client that has a slot.
    fn reserve(&mut self, key: Key, units: u32, now: Tick) -> Option<Outcome>;

    /// Makes a slot, and charges it.
    fn admit(&mut self, key: Key, serial: u32, units: u32, now: Tick) -> Outcome;

    fn release(&mut self, key: Key, ticket: Ticket, units: u32, now: Tick) -> Option<RateLimitStatus>;

    fn standing(&mut self, key: Key, now: Tick) -> Option<RateLimitStatus>;

    fn find(&self, key: Key) -> Option<Place>;

    fn remove(&mut self, place: Place);

    /// Looks at so many slots, from one on. `rack` is the number of this one.
    fn survey(&mut self, survey: &mut Survey, rack: usize, from: usize, many: usize, now: Tick);

    /// Lets go of those of so many slots, from one on, that have no charges. Says how many went, and how many stayed.
    fn sweep(&mut self, from: usize, many: usize, now: Tick) -> (usize, usize);
}

/// The form that takes least room for a limit.
pub(super) fn rack(limit: Limit) -> Box<dyn Rack> {
    match limit.limit() {
        ..=4 => Row::<Log<4>>::boxed(limit),
        5..=8 => Row::<Log<8>>::boxed(limit),
        9..=Limit::EXACT => Row::<Log<16>>::boxed(limit),
        17..=0xFFFF => Row::<Counters<u16>>::boxed(limit),
        _ => Row::<Counters<u32>>::boxed(limit),
    }
}

#[derive(Debug)]
struct Slot<C> {
    print: Print,
    serial: u32,
    cells: C,
}

#[derive(Debug)]
struct Row<C> {
    marks: Marks,
    index: Index,
    slots: Pile<Slot<C>>,
}

impl<C: Cells> Row<C> {
    fn boxed(limit: Limit) -> Box<dyn Rack> {
        Box::new(Self { marks: Marks::new(limit), index: Index::default(), slots: Pile::new() })
    }

    #[inline]
    fn moment(&mut self, now: Tick) -> Moment {
        let moment = self.marks.moment(now);
        if moment.mark < Mark::MAX { moment } else { self.lowered(now) }
    }

    /// Once in two windows at most.
    #[cold]
    fn lowered(&mut self, now: Tick) -> Moment {
        let by = self.marks.lower(now, C::ROUND);
        for slot in self.slots.iter_mut() {
            slot.cells.lower(by);
        }
        self.marks.moment(now)
    }

    #[inline]
    fn place(&self, key: Key) -> Option<Place> {
        let is = |place: Place| self.slots.get(usize::from(place)).is_some_and(|slot| key.left(&slot.print));
        self.index.find(hash(&key.print()), is)
    }

    fn read(marks: &Marks, cells: &mut C, moment: Moment) -> RateLimitStatus {
        let used = cells.used(moment.first);
        let reset = cells.leaves(moment.first, 1).map_or(0, |mark| marks.until_gone(mark, moment.now));
        RateLimitStatus { remaining: marks.limit().limit().saturating_sub(used), reset: Duration::from_nanos(reset) }
    }

    #[inline(always)]
    fn charge(marks: &Marks, slot: &mut Slot<C>, units: u32, moment: Moment) -> Outcome {
        let limit = marks.limit().limit();
        let used = match slot.cells.room(moment.first, limit, units) {
            Ok(used) => used,
            Err(mark) => return Err(Wait::Spent(marks.until_gone(mark, moment.now))),
        };
        slot.cells.add(moment.first, moment.mark, units);
        let reset = slot.cells.leaves(moment.first, 1).unwrap_or(moment.mark);
        Ok(Charged {
            ticket: Ticket { lasting: marks.lasting(moment.mark), serial: slot.serial },
            remaining: limit.saturating_sub(used).saturating_sub(units),
            reset: marks.until_gone(reset, moment.now),
        })
    }
}

impl<C: Cells> Rack for Row<C> {
    fn len(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    fn reserve(&mut self, key: Key, units: u32, now: Tick) -> Option<Outcome> {
        let moment = self.moment(now);
        let first = self.index.first(hash(&key.print()))?;
        let slot = match self.slots.get_mut(usize::from(first)) {
            Some(slot) if key.left(&slot.print) => slot,
            _ => {
                let slots = &self.slots;
                let is = |place: Place| slots.get(usize::from(place)).is_some_and(|slot| key.left(&slot.print));
                let place = self.index.fetch(hash(&key.print()), is)?;
                self.slots.get_mut(usize::from(place))?
            }
        };
        Some(Self::charge(&self.marks, slot, units, moment))
    }

    fn admit(&mut self, key: Key, serial: u32, units: u32, now: Tick) -> Outcome {
        let moment = self.moment(now);
        let mut slot = Slot { print: key.print(), serial, cells: C::EMPTY };
        let outcome = Self::charge(&self.marks, &mut slot, units, moment);
        let slots = &self.slots;
        let hash_of = |place: Place| slots.get(usize::from(place)).map_or(0, |slot| hash(&slot.print));
        // A shelf has fewer places than an index tells apart.
        if self.index.push(hash(&slot.print), hash_of).is_none() {
            return Err(Wait::Crowded(self.marks.limit().nanos()));
        }
        self.slots.push(slot);
        outcome
    }

    fn release(&mut self, key: Key, ticket: Ticket, units: u32, now: Tick) -> Option<RateLimitStatus> {
        let moment = self.moment(now);
        let taken_at = self.marks.passing(ticket.lasting);
        let place = self.place(key)?;
        let slot = self.slots.get_mut(usize::from(place))?;
        if let Some(mark) = taken_at.filter(|mark| slot.serial == ticket.serial && *mark >= moment.first) {
            slot.cells.take_back(moment.first, mark, units);
        }
        Some(Self::read(&self.marks, &mut slot.cells, moment))
    }

    fn standing(&mut self, key: Key, now: Tick) -> Option<RateLimitStatus> {
        let moment = self.moment(now);
        let place = self.place(key)?;
        let slot = self.slots.get_mut(usize::from(place))?;
        Some(Self::read(&self.marks, &mut slot.cells, moment))
    }

    fn find(&self, key: Key) -> Option<Place> {
        self.place(key)
    }

    fn remove(&mut self, place: Place) {
        let last = self.slots.len().checked_sub(1).and_then(|last| self.slots.get(last));
        let (Some(slot), Some(last)) = (self.slots.get(usize::from(place)), last) else {
            return;
        };
        self.index.swap_remove(place, hash(&slot.print), hash(&last.print));
        self.slots.swap_remove(usize::from(place));
    }

    fn survey(&mut self, survey: &mut Survey, rack: usize, from: usize, many: usize, now: Tick) {
        let moment = self.moment(now);
        let limit = u64::from(self.marks.limit().limit());
        for at in (from..self.slots.len()).take(many) {
            let (Some(slot), Ok(place)) = (self.slots.get_mut(at), Place::try_from(at)) else {
                break;
            };
            survey.seen = survey.seen.saturating_add(1);
            let used = u64::from(slot.cells.used(moment.first));
            if used >= limit {
                let leaves = slot.cells.leaves(moment.first, 1).unwrap_or(moment.mark);
                let wait = self.marks.until_gone(leaves, now);
                survey.wait = Some(survey.wait.map_or(wait, |least| least.min(wait)));
                continue;
            }
            let share = (used << 32).checked_div(limit).unwrap_or(u64::MAX);
            if survey.quietest.is_some_and(|(least, ..)| share > least) {
                continue;
            }
            let left = self.marks.until_gone(slot.cells.newest(), now);
            if survey.quietest.is_none_or(|(least, least_left, ..)| (share, left) < (least, least_left)) {
                survey.quietest = Some((share, left, rack, place));
            }
        }
    }

    fn sweep(&mut self, from: usize, many: usize, now: Tick) -> (usize, usize) {
        let moment = self.moment(now);
        let (mut gone, mut at) = (0_usize, from);
        for _ in 0..many {
            let Some(slot) = self.slots.get_mut(at) else {
                break;
            };
            if slot.cells.used(moment.first) > 0 {
                at = at.saturating_add(1);
            } else if let Ok(place) = Place::try_from(at) {
                // The last one comes into its place, and is looked at next.
                self.remove(place);
                gone = gone.saturating_add(1);
            }
        }
        if self.index.is_roomy() {
            let slots = &self.slots;
            self.index.shrink(|place| slots.get(usize::from(place)).map_or(0, |slot| hash(&slot.print)));
        }
        (gone, at.saturating_sub(from))
    }
}

/// A part of the fingerprint that no shelf was chosen by.
fn hash([part, ..]: &Print) -> u32 {
    *part
}
