//! JSON objects of other servers, read strictly.

use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Reads one JSON object. A repeated name is an error, because two readers could take different values (CWE-436). The error is for the
/// log, and contains no part of the document.
pub(crate) fn object(document: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let mut reader = serde_json::Deserializer::from_slice(document);
    let object = reader.deserialize_map(Object).map_err(|_| "is not a JSON object in which each name occurs once")?;
    reader.end().map_err(|_| "has text after its JSON object")?;
    Ok(object)
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated"));
            }
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_object_with_different_names_is_read() {
        assert_eq!(object(br#" {"a": 1, "b": [null]} "#).unwrap().len(), 2);
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let bad: [&[u8]; 9] = [
            b"",
            b"null",
            b"[]",
            b"\"{}\"",
            b"{}{}",
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":2}"#,
            b"{\"a\":\"\xff\"}",
            deep.as_bytes(),
        ];
        for bad in bad {
            assert!(object(bad).is_err(), "{:?}", String::from_utf8_lossy(&bad[..bad.len().min(20)]));
        }
    }
}
