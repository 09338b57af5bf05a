//! A row that grows by pieces.
//!
//! Threat: a row that is copied whenever it grows holds up the request that makes it grow, and keeps room for many that may
//! never come.
//! Promise: nothing that is in is ever moved for one that comes, and less than a piece is kept in vain.

/// How many stand in a piece: a power of two.
const PIECE: usize = 64;

#[derive(Debug)]
pub(super) struct Pile<T> {
    /// All but the last are full.
    pieces: Vec<Vec<T>>,
    len: usize,
}

impl<T> Pile<T> {
    pub(super) const fn new() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.pieces.get(at / PIECE)?.get(at % PIECE)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.pieces.get_mut(at / PIECE)?.get_mut(at % PIECE)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pieces.iter_mut().flatten()
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(PIECE) {
            self.pieces.push(Vec::new());
        }
        if let Some(piece) = self.pieces.last_mut() {
            // The first piece by and by, so that few take little.
            if piece.len() == piece.capacity() {
                let room = if self.len < PIECE { piece.len().clamp(4, PIECE / 2) } else { PIECE };
                piece.reserve_exact(room);
            }
            piece.push(item);
            self.len = self.len.saturating_add(1);
        }
    }

    /// Takes one out, and puts the last in its place.
    pub(super) fn swap_remove(&mut self, at: usize) {
        let Some(last) = self.pieces.last_mut().and_then(Vec::pop) else {
            return;
        };
        self.len = self.len.saturating_sub(1);
        if let Some(place) = self.get_mut(at) {
            *place = last;
        }
        if self.len.is_multiple_of(PIECE) {
            self.pieces.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pile_is_what_a_vector_is() {
        let (mut pile, mut model) = (Pile::new(), Vec::new());
        for number in 0..400_usize {
            pile.push(number);
            model.push(number);
        }
        for turn in 0..400_usize {
            let at = turn * 7919 % model.len();
            pile.swap_remove(at);
            model.swap_remove(at);
            assert_eq!(pile.len(), model.len());
            assert!(pile.iter_mut().map(|number| *number).eq(model.iter().copied()));
            assert_eq!(pile.get(at), model.get(at));
            assert!(pile.pieces.len() <= model.len().div_ceil(PIECE));
        }
        assert_eq!(pile.pieces.len(), 0);
    }
}
