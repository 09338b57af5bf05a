//! A document from JSON. The parser is that of `serde_json`.
//!
//! Threat: a body that is deep, long or wide enough to exhaust the server (CWE-674, CWE-770). Promise: the first place over a limit
//! ends the parsing, and the error has its pointer.

use std::cell::OnceCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::faults::{Fault, FaultKind};
use super::limits::InputLimits;
use super::tokens::{Document, Format, InputToken, Span, position};

/// Why a body is not a document.
#[derive(Debug)]
pub(crate) enum JsonFailure {
    /// It is not JSON (RFC 8259). Both numbers start with 1.
    Syntax { line: usize, column: usize },
    /// It is JSON that palisade does not accept: it is over a limit, or a name is there twice.
    Refused(Vec<(String, FaultKind)>),
}

impl<'b> Document<'b> {
    /// Parses a body.
    pub(crate) fn from_json(body: &'b [u8], limits: &InputLimits) -> Result<Self, JsonFailure> {
        if u32::try_from(body.len()).is_err() {
            return Err(JsonFailure::Refused(vec![(String::new(), FaultKind::TooLong(u32::MAX as usize))]));
        }
        let text = str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
        // A token for each eight bytes: a name, or a value. Larger documents grow.
        let tokens = Vec::with_capacity((body.len() >> 3).clamp(8, 1024));
        let mut building = Building {
            document: Document {
                text,
                unescaped: String::new(),
                tokens,
                format: Format::Json,
                large_numbers: OnceCell::new(),
            },
            limits,
            open: 0,
            values: 0,
            over: None,
            duplicates: Vec::new(),
        };
        let mut parser = serde_json::Deserializer::from_str(text);
        let parsed = JsonValue(&mut building).deserialize(&mut parser).and_then(|()| parser.end());
        let Building { document, over, duplicates, .. } = building;
        match (over, parsed) {
            (Some((at, kind)), _) => Err(JsonFailure::Refused(vec![(document.open_pointer(at), kind)])),
            (None, Err(error)) => Err(JsonFailure::Syntax { line: error.line(), column: error.column().max(1) }),
            (None, Ok(())) if !duplicates.is_empty() => Err(JsonFailure::Refused(document.repeated(&duplicates))),
            (None, Ok(())) => Ok(document),
        }
    }

    /// The names that are there twice. A pointer into a value of such a name would be ambiguous, so only the name is reported.
    fn repeated(&self, values: &[usize]) -> Vec<(String, FaultKind)> {
        let mut pointers: Vec<String> = values.iter().take(Fault::MOST).map(|at| self.pointer(*at)).collect();
        pointers.sort();
        pointers.dedup_by(|inner, outer| {
            inner.strip_prefix(&**outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        pointers.into_iter().map(|pointer| (pointer, FaultKind::Duplicate)).collect()
    }

    /// The pointer to a place in a document whose last containers are not closed yet.
    fn open_pointer(mut self, at: usize) -> String {
        for container in 0..self.tokens.len() {
            if self.end(container) == Some(0) {
                self.close(container);
            }
        }
        self.pointer(at)
    }
}

/// Text that is not UTF-8 after so many bytes.
fn not_utf8(body: &[u8], valid: usize) -> JsonFailure {
    let before = body.get(..valid).unwrap_or(body);
    let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
    JsonFailure::Syntax { line, column }
}

struct Building<'b, 'l> {
    document: Document<'b>,
    limits: &'l InputLimits,
    /// How many containers are open.
    open: u32,
    values: u32,
    over: Option<(usize, FaultKind)>,
    duplicates: Vec<usize>,
}

impl<'b> Building<'b, '_> {
    fn push<E: Error>(&mut self, token: InputToken) -> Result<(), E> {
        self.document.tokens.push(token);
        self.count()
    }

    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.values = self.values.saturating_add(1);
        let most = self.limits.values;
        if self.values > most { self.refuse(FaultKind::TooManyValues(most)) } else { Ok(()) }
    }

    /// Adds a text that is a part of what was received.
    fn received<E: Error>(&mut self, text: &'b str) -> Result<(), E> {
        // Only numbers are computed: a text from elsewhere would give a wrong span, and not a wrong memory access.
        let start = text.as_ptr().addr().wrapping_sub(self.document.text.as_ptr().addr());
        let span = Span { start: position(start), len: position(text.len()) };
        self.document.tokens.push(InputToken::Text(span));
        self.check_length(text)
    }

    fn unescaped<E: Error>(&mut self, text: &str) -> Result<(), E> {
        self.document.add_text(text);
        self.check_length(text)
    }

    fn check_length<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let most = self.limits.text;
        if text.len() > most { self.refuse(FaultKind::TooLong(most)) } else { Ok(()) }
    }

    /// Opens a list or an object, and returns its index.
    fn open<E: Error>(&mut self, token: InputToken) -> Result<usize, E> {
        let at = self.document.tokens.len();
        self.open = self.open.saturating_add(1);
        self.push(token)?;
        if self.open > self.limits.depth {
            self.refuse(FaultKind::TooDeep(self.limits.depth))?;
        }
        Ok(at)
    }

    fn close(&mut self, at: usize) {
        self.open = self.open.saturating_sub(1);
        self.document.close(at);
    }

    /// Ends the parsing at the last token.
    fn refuse<E: Error>(&mut self, kind: FaultKind) -> Result<(), E> {
        self.over = Some((self.document.tokens.len().saturating_sub(1), kind));
        Err(E::custom("over a limit"))
    }
}

/// Parses one value.
struct JsonValue<'a, 'b, 'l>(&'a mut Building<'b, 'l>);

/// Parses the name of the first member of an object, and opens the object.
struct FirstName<'a, 'b, 'l>(&'a mut Building<'b, 'l>);

enum FirstToken {
    /// The index of the object.
    Member(usize),
    /// It is a number: with the feature `arbitrary_precision` of `serde_json`, which any crate can enable, its parser gives each number
    /// as an object with the text of the number.
    Number,
}

/// The name in that object.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads a number from that text.
struct NumberText<'a, 'b, 'l>(&'a mut Building<'b, 'l>);

/// Parses the name of a member.
struct MemberName<'a, 'b, 'l>(&'a mut Building<'b, 'l>);

impl<'b> DeserializeSeed<'b> for JsonValue<'_, 'b, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> DeserializeSeed<'b> for FirstName<'_, 'b, '_> {
    type Value = FirstToken;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<FirstToken, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'b> DeserializeSeed<'b> for NumberText<'_, 'b, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'b> DeserializeSeed<'b> for MemberName<'_, 'b, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

macro_rules! scalars {
    ($($method:ident($value:ty) $token:ident;)*) => {$(
        fn $method<E: Error>(self, value: $value) -> Result<(), E> {
            self.0.push(InputToken::$token(value))
        }
    )*};
}

impl<'b> Visitor<'b> for JsonValue<'_, 'b, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    scalars! {
        visit_bool(bool) Bool;
        visit_u64(u64) Unsigned;
        visit_i64(i64) Signed;
        visit_f64(f64) Float;
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push(InputToken::Null)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'b str) -> Result<(), E> {
        self.0.received(text)?;
        self.0.count()
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.unescaped(text)?;
        self.0.count()
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<(), A::Error> {
        let at = self.0.open(InputToken::List(0))?;
        while items.next_element_seed(JsonValue(self.0))?.is_some() {}
        self.0.close(at);
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut members: A) -> Result<(), A::Error> {
        let mut is_next = true;
        let at = match members.next_key_seed(FirstName(self.0))? {
            Some(FirstToken::Number) => return members.next_value_seed(NumberText(self.0)),
            Some(FirstToken::Member(at)) => at,
            None => {
                is_next = false;
                self.0.open(InputToken::Object(0))?
            }
        };
        let mut names: usize = 0;
        while is_next {
            names = names.saturating_add(1);
            if names > self.0.limits.fields {
                self.0.refuse(FaultKind::TooManyFields(self.0.limits.fields))?;
            }
            members.next_value_seed(JsonValue(self.0))?;
            is_next = members.next_key_seed(MemberName(self.0))?.is_some();
        }
        self.0.close(at);
        let Building { document, duplicates, .. } = self.0;
        if names > 1 && duplicates.len() < Fault::MOST {
            document.duplicates(at, names, duplicates);
        }
        Ok(())
    }
}

impl<'b> Visitor<'b> for FirstName<'_, 'b, '_> {
    type Value = FirstToken;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'b str) -> Result<FirstToken, E> {
        // A client may send an object with this name, and then the name is a part of the body.
        if name == NUMBER && !self.0.document.text.as_bytes().as_ptr_range().contains(&name.as_ptr()) {
            return Ok(FirstToken::Number);
        }
        let at = self.0.open(InputToken::Object(0))?;
        self.0.received(name)?;
        Ok(FirstToken::Member(at))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<FirstToken, E> {
        let at = self.0.open(InputToken::Object(0))?;
        self.0.unescaped(name)?;
        Ok(FirstToken::Member(at))
    }
}

impl Visitor<'_> for NumberText<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let signed = || text.parse().ok().filter(|number| *number != 0).map(InputToken::Signed);
        let float = || text.parse().ok().filter(|number: &f64| number.is_finite()).map(InputToken::Float);
        let number = text.parse().ok().map(InputToken::Unsigned).or_else(signed).or_else(float);
        self.0.push(number.ok_or_else(|| E::custom("number out of range"))?)
    }
}

impl<'b> Visitor<'b> for MemberName<'_, 'b, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'b str) -> Result<(), E> {
        self.0.received(name)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.unescaped(name)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, StringDeserializer};

    use super::*;
    use crate::document::tokens::pointer_of;

    /// The tokens of a number as `serde_json` gives it with `arbitrary_precision`.
    fn tokens_of(number: &str) -> Result<Vec<InputToken>, serde_json::Error> {
        let limits = InputLimits::new();
        let document = Document::from_json(b"null", &limits).unwrap();
        let document = Document { tokens: Vec::new(), ..document };
        let mut building =
            Building { document, limits: &limits, open: 0, values: 0, over: None, duplicates: Vec::new() };
        let member = (BorrowedStrDeserializer::new(NUMBER), StringDeserializer::new(number.to_owned()));
        JsonValue(&mut building).deserialize(MapDeserializer::new([member].into_iter()))?;
        Ok(building.document.tokens)
    }

    #[test]
    fn number_of_arbitrary_precision_is_a_number() {
        for (number, expected) in [
            ("7", InputToken::Unsigned(7)),
            ("-7", InputToken::Signed(-7)),
            ("1.5", InputToken::Float(1.5)),
            ("18446744073709551616", InputToken::Float(18_446_744_073_709_551_616.0)),
        ] {
            assert_eq!(tokens_of(number).unwrap(), [expected], "{number}");
        }
        assert!(tokens_of("1e999").is_err());
    }

    #[test]
    fn object_that_looks_like_a_number_of_arbitrary_precision_is_an_object() {
        let body = format!(r#"{{"{NUMBER}":"7"}}"#);
        let document = Document::from_json(body.as_bytes(), &InputLimits::new()).unwrap();
        assert!(document.is_object(0));
        assert_eq!(document.pointer(2), pointer_of(&[NUMBER]));
    }
}
