//! Where a fingerprint stands in a row of slots.
//!
//! Threat: a table that grows by copying all of it stops every request meanwhile; one that leaves marks of what was
//! removed slows down under churn (CWE-407).
//! Promise: about 4 bytes a slot, chains of one or two because fingerprints come from a keyed hash, and nothing remains of
//! what was removed.

/// The number of a slot.
pub(super) type Place = u16;

/// The end of a chain.
const NONE: Place = Place::MAX;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// The first slot of each chain. Their number is a power of two.
    chains: Vec<Place>,
    /// For each slot the next of its chain.
    next: Vec<Place>,
}

impl Index {
    /// The most slots that an index tells apart.
    pub(super) const MOST: usize = NONE as usize;

    #[inline]
    pub(super) fn find(&self, hash: u32, is: impl Fn(Place) -> bool) -> Option<Place> {
        let mut place = *self.chains.get(self.chain(hash))?;
        while place != NONE {
            if is(place) {
                return Some(place);
            }
            place = *self.next.get(usize::from(place))?;
        }
        None
    }

    /// The first of a chain, or a number that no slot has.
    #[inline]
    pub(super) fn first(&self, hash: u32) -> Option<Place> {
        self.chains.get(self.chain(hash)).copied()
    }

    /// One that is not the first of its chain, and makes it the first: who comes often is found at once.
    #[inline(never)]
    pub(super) fn fetch(&mut self, hash: u32, is: impl Fn(Place) -> bool) -> Option<Place> {
        let first = self.first(hash)?;
        let chain = self.chain(hash);
        let mut before = first;
        loop {
            let place = *self.next.get(usize::from(before))?;
            if place == NONE {
                return None;
            }
            if is(place) {
                let after = std::mem::replace(self.next.get_mut(usize::from(place))?, first);
                *self.next.get_mut(usize::from(before))? = after;
                *self.chains.get_mut(chain)? = place;
                return Some(place);
            }
            before = place;
        }
    }

    /// Adds the slot that comes after all that are in.
    pub(super) fn push(&mut self, hash: u32, hash_of: impl Fn(Place) -> u32) -> Option<Place> {
        let place = Place::try_from(self.next.len()).ok().filter(|place| *place < NONE)?;
        if self.next.len() >= self.chains.len() {
            self.spread(self.chains.len().saturating_mul(2).max(4), hash_of);
        }
        if self.next.len() == self.next.capacity() {
            self.next.reserve_exact((self.next.len() / 8).max(4));
        }
        let chain = self.chain(hash);
        let first = self.chains.get_mut(chain)?;
        self.next.push(std::mem::replace(first, place));
        Some(place)
    }

    /// Takes a slot out, and gives the last one its number.
    pub(super) fn swap_remove(&mut self, place: Place, hash: u32, last_hash: u32) {
        let Some(last) = self.next.len().checked_sub(1).and_then(|last| Place::try_from(last).ok()) else {
            return;
        };
        let after = self.next.get(usize::from(place)).copied().unwrap_or(NONE);
        self.redirect(hash, place, after);
        if place != last {
            self.redirect(last_hash, last, place);
        }
        self.next.swap_remove(usize::from(place));
    }

    /// Whether most of it is empty.
    pub(super) fn is_roomy(&self) -> bool {
        self.chains.len() > 4 && self.next.len() < self.chains.len() / 4
    }

    pub(super) fn shrink(&mut self, hash_of: impl Fn(Place) -> u32) {
        self.next.shrink_to_fit();
        self.spread(self.next.len().next_power_of_two().max(4), hash_of);
    }

    fn chain(&self, hash: u32) -> usize {
        hash as usize & self.chains.len().saturating_sub(1)
    }

    fn redirect(&mut self, hash: u32, from: Place, to: Place) {
        let chain = self.chain(hash);
        let Some(first) = self.chains.get_mut(chain) else {
            return;
        };
        if *first == from {
            *first = to;
            return;
        }
        let mut place = *first;
        while let Some(next) = self.next.get_mut(usize::from(place)) {
            if *next == from {
                *next = to;
                return;
            }
            place = *next;
        }
    }

    /// Makes so many chains of the slots that are in.
    fn spread(&mut self, chains: usize, hash_of: impl Fn(Place) -> u32) {
        self.chains = vec![NONE; chains];
        for (place, at) in (0..NONE).zip(0..self.next.len()) {
            let chain = self.chain(hash_of(place));
            if let (Some(first), Some(next)) = (self.chains.get_mut(chain), self.next.get_mut(at)) {
                *next = std::mem::replace(first, place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_fetched_stands_first_and_nobody_is_lost() {
        // Three chains are empty: all eight stand in one.
        let (mut index, hash_of) = (Index::default(), |_: Place| 8);
        for place in 0..8 {
            assert_eq!(index.push(8, hash_of), Some(place));
        }
        let mut random = 1_u32;
        for _ in 0..200 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sought = (random >> 24) as Place % 9;
            let found = (sought < 8).then_some(sought);
            if index.first(8) != found {
                assert_eq!(index.fetch(8, |place| place == sought), found);
            }
            if found.is_some() {
                assert_eq!(index.first(8), found);
            }
            assert!((0..8).all(|one| index.find(8, |place| place == one) == Some(one)));
            assert_eq!(index.find(8, |_| false), None);
        }
    }
}
