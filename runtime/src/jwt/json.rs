//! The JSON of a token, read strictly and without building a tree.
//!
//! Threat: two parsers of one token that see different values, because a name occurs twice (CWE-436, RFC 8725 §2.4), and JSON
//! that costs far more to parse than to send (CWE-400). Promise: a repeated name is rejected at every depth, even if it is
//! spelled with escapes. The work grows linearly with the length of the text, which is bounded.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::AuthError;

/// Up to this number, a new name is compared with each earlier one. For objects with a dozen members, this is the fastest way.
const FEW: usize = 16;

/// The reason that is written to the audit log if parsing stops at this point. The error of the JSON reader itself cannot carry
/// it.
#[derive(Clone, Copy)]
pub(super) struct Reason<'r>(&'r Cell<&'static str>);

impl Reason<'_> {
    pub(super) fn set(self, reason: &'static str) {
        self.0.set(reason);
    }

    /// Stops parsing, with this reason.
    pub(super) fn reject<T, E: de::Error>(self, reason: &'static str) -> Result<T, E> {
        self.0.set(reason);
        Err(E::custom(reason))
    }

    /// Fills the slot of a member. A second value for the same member is an error.
    pub(super) fn fill<T, E: de::Error>(self, slot: &mut Option<T>, value: T) -> Result<(), E> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => self.reject("token_duplicate_member"),
        }
    }
}

/// Reads one JSON text.
pub(super) fn read<'de, T>(
    text: &'de str,
    reason: &'static str,
    visit: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>, Reason<'_>) -> serde_json::Result<T>,
) -> Result<T, AuthError> {
    let current = Cell::new(reason);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = visit(&mut reader, Reason(&current)).map_err(|_| AuthError::Invalid(current.get()))?;
    reader.end().map_err(|_| AuthError::Invalid(reason))?;
    Ok(value)
}

/// A string, borrowed from the token unless it has escapes.
#[derive(Deserialize)]
pub(super) struct Text<'t>(#[serde(borrow)] pub(super) Cow<'t, str>);

/// The names of the members of one object that were skipped.
#[derive(Default)]
pub(super) struct SeenNames<'de> {
    few: Vec<Cow<'de, str>>,
    /// The names after the first few. The hash has a random seed, so that an attacker cannot choose names that collide.
    more: Option<HashSet<Cow<'de, str>>>,
}

impl<'de> SeenNames<'de> {
    /// Returns whether the name is new.
    fn add(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.contains(&name) {
            return false;
        }
        if self.few.len() >= FEW {
            return self.more.get_or_insert_default().insert(name);
        }
        self.few.push(name);
        true
    }

    /// Skips the value of a member. A repeated name is rejected.
    pub(super) fn skip<A: MapAccess<'de>>(
        &mut self,
        name: Text<'de>,
        map: &mut A,
        reason: Reason<'_>,
    ) -> Result<(), A::Error> {
        if !self.add(name.0) {
            return reason.reject("token_duplicate_member");
        }
        map.next_value_seed(Skipped(reason))
    }
}

/// Skips a value of any kind. Repeated names inside it are rejected.
#[derive(Clone, Copy)]
pub(super) struct Skipped<'r>(pub(super) Reason<'r>);

impl<'de> DeserializeSeed<'de> for Skipped<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skipped<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = SeenNames::default();
        while let Some(name) = map.next_key()? {
            names.skip(name, &mut map, self.0)?;
        }
        Ok(())
    }
}
