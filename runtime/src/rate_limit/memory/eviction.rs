//! Which client leaves a full shard.
//!
//! Threat: a flood of new addresses that removes a blocked client, so that it may try again (CWE-770).
//! Promise: a client that is at its rate limit is never evicted. If all clients of the shard are, the new one is rejected.
//!
//! An eviction scans [`SCANNED`] clients, and continues where the last scan ended. A client without charges leaves first, then
//! the one that has used the smallest share of its rate limit, and of two such clients the one whose last charge is older.

use super::fingerprint_index::SlotIndex;
use super::shard::Shard;
use crate::clock::Tick;

/// How many clients are scanned to find one to evict.
const SCANNED: usize = 32;

/// What a scan has found so far.
#[derive(Debug, Default)]
pub(super) struct EvictionScan {
    scanned: usize,
    /// The least used of those that are not at their rate limit.
    least_used: Option<LeastUsed>,
    /// How many nanoseconds until the first of those at their rate limit has room again.
    has_room_in: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct LeastUsed {
    /// The used share of the limit, as a fraction of 2^32.
    share: u64,
    /// How many nanoseconds until its last charge expires.
    unused_in: u64,
    table: usize,
    slot: SlotIndex,
}

impl EvictionScan {
    /// A client at its rate limit, and in how many nanoseconds it has room again.
    pub(super) fn at_limit(&mut self, has_room_in: u64) {
        self.scanned = self.scanned.saturating_add(1);
        self.has_room_in = Some(self.has_room_in.map_or(has_room_in, |least| least.min(has_room_in)));
    }

    /// A client that has used `used` of `limit`. How many nanoseconds its last charge is held is computed only if it matters.
    pub(super) fn below_limit(
        &mut self,
        (used, limit): (u32, u32),
        (table, slot): (usize, SlotIndex),
        unused_in: impl FnOnce() -> u64,
    ) {
        self.scanned = self.scanned.saturating_add(1);
        let share = (u64::from(used) << 32).checked_div(limit.into()).unwrap_or(u64::MAX);
        if self.least_used.is_some_and(|least| share > least.share) {
            return;
        }
        let unused_in = unused_in();
        if self.least_used.is_none_or(|least| (share, unused_in) < (least.share, least.unused_in)) {
            self.least_used = Some(LeastUsed { share, unused_in, table, slot });
        }
    }
}

impl Shard {
    /// Makes sure that there is room for one more client.
    ///
    /// # Errors
    ///
    /// If all clients are at their rate limit: how many nanoseconds until one of them no longer is.
    pub(super) fn make_room(&mut self, now: Tick) -> Result<(), u64> {
        if self.clients < self.capacity {
            return Ok(());
        }
        if let Some(left) = self.full_until.as_nanos().checked_sub(now.as_nanos()).filter(|left| *left > 0) {
            return Err(left);
        }
        let scan = self.scan(now);
        let Some(LeastUsed { table, slot, .. }) = scan.least_used else {
            let wait = scan.has_room_in.unwrap_or(1);
            self.full_until = Tick::from_nanos(now.as_nanos().saturating_add(wait));
            return Err(wait);
        };
        if let Some((_, table)) = self.tables.get_mut(table) {
            table.remove(slot);
            self.clients = self.clients.saturating_sub(1);
        }
        Ok(())
    }

    /// Scans at least [`SCANNED`] clients, and goes on until it finds one to evict or has seen them all.
    fn scan(&mut self, now: Tick) -> EvictionScan {
        let mut scan = EvictionScan::default();
        let mut rounds = 0_u8;
        while scan.scanned < SCANNED || (scan.least_used.is_none() && scan.scanned < self.clients) {
            let (number, at) = self.cursor;
            match self.tables.get_mut(number) {
                Some((_, table)) if at < table.len() => {
                    table.show(&mut scan, number, at, SCANNED, now);
                    self.cursor = (number, at.saturating_add(SCANNED));
                }
                Some(_) => self.cursor = (number.saturating_add(1), 0),
                None => {
                    self.cursor = (0, 0);
                    rounds = rounds.saturating_add(1);
                    if scan.scanned >= self.clients || rounds > 1 {
                        break;
                    }
                }
            }
        }
        scan
    }
}
