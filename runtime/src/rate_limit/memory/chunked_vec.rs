//! A vector that grows by chunks.
//!
//! Threat: an ordinary vector copies all its items when it grows, which delays the request that makes it grow; and it reserves
//! room for many items that may never come.
//! Promise: growing never moves an item once the first chunk is full, and less than one chunk is unused.

/// How many items a chunk holds: a power of two.
const CHUNK: usize = 64;

#[derive(Debug)]
pub(super) struct ChunkedVec<T> {
    /// All chunks but the last are full.
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> ChunkedVec<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten()
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::new());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            // The first chunk grows step by step, so that a few items take little space.
            if chunk.len() == chunk.capacity() {
                let room = if self.len < CHUNK { chunk.len().clamp(4, CHUNK / 2) } else { CHUNK };
                chunk.reserve_exact(room);
            }
            chunk.push(item);
            self.len = self.len.saturating_add(1);
        }
    }

    /// Removes an item, and moves the last one to its index.
    pub(super) fn swap_remove(&mut self, index: usize) {
        let Some(last) = self.chunks.last_mut().and_then(Vec::pop) else {
            return;
        };
        self.len = self.len.saturating_sub(1);
        if let Some(item) = self.get_mut(index) {
            *item = last;
        }
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunked_vec_equals_an_ordinary_vector() {
        let (mut chunked, mut model) = (ChunkedVec::new(), Vec::new());
        for number in 0..400_usize {
            chunked.push(number);
            model.push(number);
        }
        for turn in 0..400_usize {
            let index = turn * 7919 % model.len();
            chunked.swap_remove(index);
            model.swap_remove(index);
            assert_eq!(chunked.len(), model.len());
            assert!(chunked.iter_mut().map(|number| *number).eq(model.iter().copied()));
            assert_eq!(chunked.get(index), model.get(index));
            assert!(chunked.chunks.len() <= model.len().div_ceil(CHUNK));
        }
        assert_eq!(chunked.chunks.len(), 0);
    }
}
