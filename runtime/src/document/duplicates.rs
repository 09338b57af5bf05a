//! Names that an object has twice.
//!
//! Threat: two parsers that read different values for one name (CWE-436). Promise: each repetition of a name is found, also in a
//! map and among fields that the type does not have, in little more than linear time.

use super::tokens::Document;

/// Up to this number of names, each is compared with all before it.
const FEW: usize = 16;

impl Document<'_> {
    /// Adds the index of each value whose name the object at this index had before.
    pub(super) fn duplicates(&self, object: usize, names: usize, found: &mut Vec<usize>) {
        if names <= FEW {
            for (name, value) in self.members(object) {
                let mut before = self.members(object).take_while(|(_, other)| *other < value);
                if before.any(|(other, _)| other == name) {
                    found.push(value);
                }
            }
            return;
        }
        let mut sorted: Vec<(&str, usize)> = self.members(object).collect();
        sorted.sort_unstable();
        found
            .extend(sorted.iter().zip(sorted.iter().skip(1)).filter(|(a, b)| a.0 == b.0).map(|(_, (_, value))| *value));
    }
}
