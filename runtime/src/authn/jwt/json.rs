//! The JSON of a token, read strictly and without building a tree.
//!
//! Threat: two readers of one token that see different values, because a name occurs twice (CWE-436, RFC 8725 §2.4), and
//! JSON that costs far more to read than to send (CWE-400). Promise: at every depth of the text a repeated name, spelled
//! alike or by escapes, is refused; so is an object with more than [`MOST_MEMBERS`] members that nobody asked for.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::AuthError;

/// Names are compared each with each; real tokens have a dozen.
const MOST_MEMBERS: usize = 64;

/// The reason that stands if reading stops here: a JSON reader's own error knows no audit word.
#[derive(Clone, Copy)]
pub(super) struct Reason<'r>(&'r Cell<&'static str>);

impl Reason<'_> {
    pub(super) fn stands(self, word: &'static str) {
        self.0.set(word);
    }

    /// Stops reading, for this reason.
    pub(super) fn refuse<T, E: de::Error>(self, word: &'static str) -> Result<T, E> {
        self.0.set(word);
        Err(E::custom(word))
    }

    /// Fills the slot of a member that is asked for, once.
    pub(super) fn fill<T, E: de::Error>(self, slot: &mut Option<T>, value: T) -> Result<(), E> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => self.refuse("token_duplicate_member"),
        }
    }
}

/// Reads the bytes as one JSON text in UTF-8 (RFC 8725 §3.7).
pub(super) fn read<'de, T>(
    bytes: &'de [u8],
    word: &'static str,
    visit: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>, Reason<'_>) -> serde_json::Result<T>,
) -> Result<T, AuthError> {
    let text = std::str::from_utf8(bytes).map_err(|_| AuthError::Invalid(word))?;
    let reason = Cell::new(word);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = visit(&mut reader, Reason(&reason)).map_err(|_| AuthError::Invalid(reason.get()))?;
    reader.end().map_err(|_| AuthError::Invalid(word))?;
    Ok(value)
}

/// A string, borrowed from the token unless it has escapes.
#[derive(Deserialize)]
pub(super) struct Text<'t>(#[serde(borrow)] pub(super) Cow<'t, str>);

/// The names of the members that nobody asked for, in one object.
#[derive(Default)]
pub(super) struct Names<'de>(Vec<Cow<'de, str>>);

impl<'de> Names<'de> {
    /// Skips the value of such a member.
    pub(super) fn skip<A: MapAccess<'de>>(
        &mut self,
        name: Text<'de>,
        map: &mut A,
        reason: Reason<'_>,
    ) -> Result<(), A::Error> {
        if self.0.contains(&name.0) {
            return reason.refuse("token_duplicate_member");
        }
        if self.0.len() >= MOST_MEMBERS {
            return Err(de::Error::custom("too many members"));
        }
        self.0.push(name.0);
        map.next_value_seed(Skipped(reason))
    }
}

/// A value of any kind that is read over, not without looking for repeated names in it.
#[derive(Clone, Copy)]
struct Skipped<'r>(Reason<'r>);

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
        let mut names = Names::default();
        while let Some(name) = map.next_key()? {
            names.skip(name, &mut map, self.0)?;
        }
        Ok(())
    }
}
