//! A client table: the clients of one shard that have the same limit.
//!
//! Threat: bookkeeping that is larger than the data it keeps lets a flood of addresses exhaust memory (CWE-770).
//! Promise: a client takes one slot: a fingerprint, a serial number, and its charges in the form that is smallest for its
//! limit. The table grows by chunks, so that little of it is unused.

use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::chunked_vec::ChunkedVec;
use super::eviction::EvictionScan;
use super::fingerprint_index::{FingerprintIndex, SlotIndex};
use crate::clock::Tick;
use crate::rate_limit::client_key::{ClientKey, Fingerprint};
use crate::rate_limit::limit::Limit;
use crate::rate_limit::status::{Cause, ChargeRejection, RateLimitStatus};
use crate::rate_limit::window::{CurrentSlots, Rebase, SlidingCounter, SlidingLog, TimeSlots, Window};

/// Identifies a charge, so that a refund finds the time slot that was charged.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChargeId {
    /// When it was made: a [permanent](TimeSlots::permanent) number.
    time_slot: u64,
    /// The serial number of the client's slot. A client that was removed and came back has another one.
    serial: u32,
}

/// A charge, and what the client has left right after it. The time is in nanoseconds, and is converted only if it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charged {
    pub(super) id: ChargeId,
    pub(super) remaining: u32,
    pub(super) reset: u64,
}

impl Charged {
    #[inline]
    pub(super) fn status(&self) -> RateLimitStatus {
        RateLimitStatus { remaining: self.remaining, reset: Duration::from_nanos(self.reset) }
    }
}

pub(super) type ChargeOutcome = Result<Charged, ChargeRejection>;

/// A client table, for any form of the charges. Any change may give a slot another index.
pub(super) trait ClientTable: Send {
    /// How many clients it holds.
    fn len(&self) -> usize;

    /// Adds a slot for a client that has none, and charges it.
    fn admit(&mut self, key: ClientKey, serial: u32, units: u32, now: Tick) -> ChargeOutcome;

    /// Refunds a charge. A charge that no longer counts changes nothing. `None` if the client has no slot.
    fn refund(&mut self, key: ClientKey, id: ChargeId, units: u32, now: Tick) -> Option<RateLimitStatus>;

    /// `None` if the client has no slot.
    fn status(&mut self, key: ClientKey, now: Tick) -> Option<RateLimitStatus>;

    fn find(&self, key: ClientKey) -> Option<SlotIndex>;

    fn remove(&mut self, slot: SlotIndex);

    /// Shows up to `many` slots, beginning at `from`, to the scan. `table` is the number of this table.
    fn show(&mut self, scan: &mut EvictionScan, table: usize, from: usize, many: usize, now: Tick);

    /// Looks at up to `many` slots, beginning at `from`, and removes those without charges. Returns how many were removed, and
    /// how many were kept.
    fn remove_unused(&mut self, from: usize, many: usize, now: Tick) -> (usize, usize);
}

/// A client table in the form that is smallest for its limit. Each request charges one, so that step is chosen without a dynamic
/// call; for everything else it is a [`ClientTable`].
#[derive(Debug)]
pub(super) enum AnyTable {
    UpTo4(WindowTable<SlidingLog<4>>),
    UpTo8(WindowTable<SlidingLog<8>>),
    UpTo16(WindowTable<SlidingLog<16>>),
    UpTo65535(WindowTable<SlidingCounter<u16>>),
    Larger(WindowTable<SlidingCounter<u32>>),
}

impl AnyTable {
    /// An empty table for this limit.
    pub(super) fn new(limit: Limit) -> Self {
        match limit.limit() {
            ..=4 => Self::UpTo4(WindowTable::new(limit)),
            5..=8 => Self::UpTo8(WindowTable::new(limit)),
            9..=Limit::EXACT => Self::UpTo16(WindowTable::new(limit)),
            17..=0xFFFF => Self::UpTo65535(WindowTable::new(limit)),
            _ => Self::Larger(WindowTable::new(limit)),
        }
    }

    /// Charges a client that has a slot. `None` if it has none.
    #[inline]
    pub(super) fn reserve(&mut self, key: ClientKey, units: u32, now: Tick) -> Option<ChargeOutcome> {
        match self {
            Self::UpTo4(table) => table.reserve(key, units, now),
            Self::UpTo8(table) => table.reserve(key, units, now),
            Self::UpTo16(table) => table.reserve(key, units, now),
            Self::UpTo65535(table) => table.reserve(key, units, now),
            Self::Larger(table) => table.reserve(key, units, now),
        }
    }
}

impl Deref for AnyTable {
    type Target = dyn ClientTable;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::UpTo4(table) => table,
            Self::UpTo8(table) => table,
            Self::UpTo16(table) => table,
            Self::UpTo65535(table) => table,
            Self::Larger(table) => table,
        }
    }
}

impl DerefMut for AnyTable {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::UpTo4(table) => table,
            Self::UpTo8(table) => table,
            Self::UpTo16(table) => table,
            Self::UpTo65535(table) => table,
            Self::Larger(table) => table,
        }
    }
}

#[derive(Debug)]
struct Slot<W> {
    fingerprint: Fingerprint,
    serial: u32,
    window: W,
}

#[derive(Debug)]
pub(super) struct WindowTable<W> {
    time_slots: TimeSlots,
    index: FingerprintIndex,
    slots: ChunkedVec<Slot<W>>,
}

impl<W: Window> WindowTable<W> {
    fn new(limit: Limit) -> Self {
        Self { time_slots: TimeSlots::new(limit), index: FingerprintIndex::default(), slots: ChunkedVec::new() }
    }

    #[inline(always)]
    fn reserve(&mut self, key: ClientKey, units: u32, now: Tick) -> Option<ChargeOutcome> {
        let current = self.time_slots.at(now, &mut self.slots);
        let hash = hash(&key.fingerprint());
        // Most clients are the first of their chain: that one is compared here, where its slot is needed anyway.
        let first = self.index.first(hash)?;
        let slot = match self.slots.get_mut(usize::from(first)) {
            Some(slot) if key.has(&slot.fingerprint) => slot,
            _ => {
                let slots = &self.slots;
                let is = |at: SlotIndex| slots.get(usize::from(at)).is_some_and(|slot| key.has(&slot.fingerprint));
                let at = self.index.move_to_front(hash, is)?;
                self.slots.get_mut(usize::from(at))?
            }
        };
        Some(Self::charge(&self.time_slots, slot, units, current))
    }

    fn read(time_slots: &TimeSlots, window: &mut W, current: CurrentSlots) -> RateLimitStatus {
        let used = window.used(current.first_held);
        let oldest = window.nth_oldest(current.first_held, 1);
        let reset = oldest.map_or(0, |slot| time_slots.expires_in(slot, current.now));
        RateLimitStatus { remaining: time_slots.max_units.saturating_sub(used), reset: Duration::from_nanos(reset) }
    }

    #[inline(always)]
    fn charge(time_slots: &TimeSlots, slot: &mut Slot<W>, units: u32, current: CurrentSlots) -> ChargeOutcome {
        match slot.window.charge(current, time_slots.max_units, units) {
            Ok((used, oldest)) => Ok(Charged {
                id: ChargeId { time_slot: time_slots.permanent(current.current), serial: slot.serial },
                remaining: time_slots.max_units.saturating_sub(used).saturating_sub(units),
                reset: time_slots.expires_in(oldest, current.now),
            }),
            Err(blocking) => {
                Err(ChargeRejection { nanos: time_slots.expires_in(blocking, current.now), cause: Cause::Exhausted })
            }
        }
    }
}

impl<W: Window> Rebase for ChunkedVec<Slot<W>> {
    const UNIT: NonZeroU64 = W::REBASE_UNIT;

    fn rebase(&mut self, by: u64) {
        self.iter_mut().for_each(|slot| slot.window.rebase(by));
    }
}

impl<W: Window> ClientTable for WindowTable<W> {
    fn len(&self) -> usize {
        self.slots.len()
    }

    fn admit(&mut self, key: ClientKey, serial: u32, units: u32, now: Tick) -> ChargeOutcome {
        let current = self.time_slots.at(now, &mut self.slots);
        let mut slot = Slot { fingerprint: key.fingerprint(), serial, window: W::EMPTY };
        let outcome = Self::charge(&self.time_slots, &mut slot, units, current);
        let slots = &self.slots;
        let hash_of = |at: SlotIndex| slots.get(usize::from(at)).map_or(0, |slot| hash(&slot.fingerprint));
        // Cannot fail: a shard holds fewer clients than an index.
        if self.index.push(hash(&slot.fingerprint), hash_of).is_none() {
            let nanos = self.time_slots.expires_in(current.current, now);
            return Err(ChargeRejection { nanos, cause: Cause::StoreFull });
        }
        self.slots.push(slot);
        outcome
    }

    fn refund(&mut self, key: ClientKey, id: ChargeId, units: u32, now: Tick) -> Option<RateLimitStatus> {
        let current = self.time_slots.at(now, &mut self.slots);
        let charged_at = self.time_slots.slot_of_permanent(id.time_slot);
        let at = self.find(key)?;
        let slot = self.slots.get_mut(usize::from(at))?;
        if let Some(charged_at) = charged_at.filter(|at| slot.serial == id.serial && *at >= current.first_held) {
            slot.window.refund(current.first_held, charged_at, units);
        }
        Some(Self::read(&self.time_slots, &mut slot.window, current))
    }

    fn status(&mut self, key: ClientKey, now: Tick) -> Option<RateLimitStatus> {
        let current = self.time_slots.at(now, &mut self.slots);
        let at = self.find(key)?;
        let slot = self.slots.get_mut(usize::from(at))?;
        Some(Self::read(&self.time_slots, &mut slot.window, current))
    }

    #[inline]
    fn find(&self, key: ClientKey) -> Option<SlotIndex> {
        let is = |at: SlotIndex| self.slots.get(usize::from(at)).is_some_and(|slot| key.has(&slot.fingerprint));
        self.index.find(hash(&key.fingerprint()), is)
    }

    fn remove(&mut self, slot: SlotIndex) {
        let last = self.slots.len().checked_sub(1).and_then(|last| self.slots.get(last));
        let (Some(removed), Some(last)) = (self.slots.get(usize::from(slot)), last) else {
            return;
        };
        self.index.swap_remove(slot, hash(&removed.fingerprint), hash(&last.fingerprint));
        self.slots.swap_remove(usize::from(slot));
    }

    fn show(&mut self, scan: &mut EvictionScan, table: usize, from: usize, many: usize, now: Tick) {
        let current = self.time_slots.at(now, &mut self.slots);
        for at in (from..self.slots.len()).take(many) {
            let (Some(slot), Ok(index)) = (self.slots.get_mut(at), SlotIndex::try_from(at)) else {
                break;
            };
            let (used, limit) = (slot.window.used(current.first_held), self.time_slots.max_units);
            if used >= limit {
                let oldest = slot.window.nth_oldest(current.first_held, 1).unwrap_or(current.current);
                scan.at_limit(self.time_slots.expires_in(oldest, now));
            } else {
                let unused_in = || self.time_slots.expires_in(slot.window.newest(), now);
                scan.below_limit((used, limit), (table, index), unused_in);
            }
        }
    }

    fn remove_unused(&mut self, from: usize, many: usize, now: Tick) -> (usize, usize) {
        let current = self.time_slots.at(now, &mut self.slots);
        let (mut removed, mut at) = (0_usize, from);
        for _ in 0..many {
            let Some(slot) = self.slots.get_mut(at) else {
                break;
            };
            if slot.window.used(current.first_held) > 0 {
                at = at.saturating_add(1);
            } else if let Ok(slot) = SlotIndex::try_from(at) {
                // The last slot moves to this index, and is looked at next.
                self.remove(slot);
                removed = removed.saturating_add(1);
            }
        }
        if self.index.is_sparse() {
            let slots = &self.slots;
            self.index.shrink(|at| slots.get(usize::from(at)).map_or(0, |slot| hash(&slot.fingerprint)));
        }
        (removed, at.saturating_sub(from))
    }
}

/// The part of a fingerprint that chooses the chain in the index.
#[inline]
fn hash([part, ..]: &Fingerprint) -> u32 {
    *part
}
