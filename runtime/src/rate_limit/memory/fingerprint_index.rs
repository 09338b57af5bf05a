//! The hash index of one client table: it finds the slot of a fingerprint.
//!
//! Threat: an index that copies all of its entries when it grows stops every request meanwhile; one that leaves tombstones
//! behind when clients are removed becomes slower while clients come and go (CWE-407).
//! Promise: about 4 bytes for each client. A chain has one or two entries, because fingerprints come from a keyed hash.
//! Removing a client leaves nothing behind.
//!
//! It is a chained hash table of slot numbers; fingerprints stay in the slots.

/// The number of a slot in its table.
pub(super) type SlotIndex = u16;

/// The end of a chain.
const END: SlotIndex = SlotIndex::MAX;

#[derive(Debug, Default)]
pub(super) struct FingerprintIndex {
    /// The first slot of each chain. The number of chains is a power of two.
    chains: Vec<SlotIndex>,
    /// For each slot, the next slot of its chain.
    next: Vec<SlotIndex>,
}

impl FingerprintIndex {
    /// The most slots that an index can hold.
    pub(super) const MAX: usize = END as usize;

    /// The slot with this hash that `is_sought` accepts.
    pub(super) fn find(&self, hash: u32, is_sought: impl Fn(SlotIndex) -> bool) -> Option<SlotIndex> {
        let mut slot = *self.chains.get(self.chain(hash))?;
        while slot != END {
            if is_sought(slot) {
                return Some(slot);
            }
            slot = *self.next.get(usize::from(slot))?;
        }
        None
    }

    /// The first slot of the chain for this hash, or a number that no slot has.
    #[inline]
    pub(super) fn first(&self, hash: u32) -> Option<SlotIndex> {
        self.chains.get(hash as usize & self.chains.len().saturating_sub(1)).copied()
    }

    /// Finds a slot that is not the first of its chain, and makes it the first: a client that sends many requests is found at
    /// once.
    #[inline(never)]
    pub(super) fn move_to_front(&mut self, hash: u32, is_sought: impl Fn(SlotIndex) -> bool) -> Option<SlotIndex> {
        let first = self.first(hash)?;
        let chain = self.chain(hash);
        let mut before = first;
        loop {
            let slot = *self.next.get(usize::from(before))?;
            if slot == END {
                return None;
            }
            if is_sought(slot) {
                let after = std::mem::replace(self.next.get_mut(usize::from(slot))?, first);
                *self.next.get_mut(usize::from(before))? = after;
                *self.chains.get_mut(chain)? = slot;
                return Some(slot);
            }
            before = slot;
        }
    }

    /// Adds the slot whose number follows all others. `None` if the index is full.
    #[inline]
    pub(super) fn push(&mut self, hash: u32, hash_of: impl Fn(SlotIndex) -> u32) -> Option<SlotIndex> {
        let slot = SlotIndex::try_from(self.next.len()).ok().filter(|slot| *slot < END)?;
        if self.next.len() >= self.chains.len() {
            self.rebuild(self.chains.len().saturating_mul(2).max(4), hash_of);
        }
        if self.next.len() == self.next.capacity() {
            self.next.reserve_exact((self.next.len() / 8).max(4));
        }
        let chain = self.chain(hash);
        let first = self.chains.get_mut(chain)?;
        self.next.push(std::mem::replace(first, slot));
        Some(slot)
    }

    /// Removes a slot, and gives its number to the last one.
    pub(super) fn swap_remove(&mut self, slot: SlotIndex, hash: u32, last_hash: u32) {
        let Some(last) = self.next.len().checked_sub(1).and_then(|last| SlotIndex::try_from(last).ok()) else {
            return;
        };
        let after = self.next.get(usize::from(slot)).copied().unwrap_or(END);
        self.redirect(hash, slot, after);
        if slot != last {
            self.redirect(last_hash, last, slot);
        }
        self.next.swap_remove(usize::from(slot));
    }

    /// Whether less than a quarter of it is used.
    pub(super) fn is_sparse(&self) -> bool {
        self.chains.len() > 4 && self.next.len() < self.chains.len() / 4
    }

    pub(super) fn shrink(&mut self, hash_of: impl Fn(SlotIndex) -> u32) {
        self.next.shrink_to_fit();
        self.rebuild(self.next.len().next_power_of_two().max(4), hash_of);
    }

    fn chain(&self, hash: u32) -> usize {
        hash as usize & self.chains.len().saturating_sub(1)
    }

    /// Changes the link to slot `from` into a link to slot `to`.
    fn redirect(&mut self, hash: u32, from: SlotIndex, to: SlotIndex) {
        let chain = self.chain(hash);
        let Some(first) = self.chains.get_mut(chain) else {
            return;
        };
        if *first == from {
            *first = to;
            return;
        }
        let mut slot = *first;
        while let Some(next) = self.next.get_mut(usize::from(slot)) {
            if *next == from {
                *next = to;
                return;
            }
            slot = *next;
        }
    }

    /// Distributes all slots over this number of chains.
    fn rebuild(&mut self, chains: usize, hash_of: impl Fn(SlotIndex) -> u32) {
        self.chains = vec![END; chains];
        for (slot, at) in (0..END).zip(0..self.next.len()) {
            let chain = self.chain(hash_of(slot));
            if let (Some(first), Some(next)) = (self.chains.get_mut(chain), self.next.get_mut(at)) {
                *next = std::mem::replace(first, slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn move_to_front_reorders_a_chain_and_loses_nothing() {
        // One hash for all eight, so they are in one chain.
        let (mut index, hash_of) = (FingerprintIndex::default(), |_: SlotIndex| 8);
        for slot in 0..8 {
            assert_eq!(index.push(8, hash_of), Some(slot));
        }
        let mut random = 1_u32;
        for _ in 0..200 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sought = (random >> 24) as SlotIndex % 9;
            let found = (sought < 8).then_some(sought);
            if index.first(8) != found {
                assert_eq!(index.move_to_front(8, |slot| slot == sought), found);
            }
            if found.is_some() {
                assert_eq!(index.first(8), found);
            }
            assert!((0..8).all(|one| index.find(8, |slot| slot == one) == Some(one)));
            assert_eq!(index.find(8, |_| false), None);
        }
    }
}
