//! Where the next page of a list starts.
//!
//! Threat: a position from a client that is longer or other than the application expects (CWE-20, CWE-502). Promise: its length is
//! limited before it is decoded, and its content is read as a type of the application. It is not secret and not authentic.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::problem::Problem;

/// How many bytes the text of a cursor may have.
const MOST: usize = 1024;

/// A position in a list as a text that clients send back unchanged: base64url of the JSON of `T`, of at most 1,024 bytes.
///
/// The usual `T` has the sort values of the last item that the client got, so that the next page starts after it, also if items were
/// added or removed in between.
///
/// A text that is no such cursor is an error with the code `format`.
///
/// # Danger
///
/// It is not secret, and not authentic: a client can read it, and make one. Treat its content as input. Put no permission and no
/// rows of others into it, bind its values in statements, and check on each page what the caller may see. A `T` with
/// `#[serde(deny_unknown_fields)]` accepts fewer texts.
///
/// ```
/// use palisade::input::{Cursor, Json, Query};
/// use palisade::{Problem, get, public};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, Serialize)]
/// struct After {
///     id: u64,
/// }
///
/// #[derive(Deserialize)]
/// struct Page {
///     after: Option<Cursor<After>>,
/// }
///
/// #[derive(Serialize)]
/// struct Articles {
///     ids: Vec<u64>,
///     next: Cursor<After>,
/// }
///
/// #[get("/articles")]
/// #[public]
/// async fn list(page: Query<Page>) -> Result<Json<Articles>, Problem> {
///     let first = page.after.as_ref().map_or(0, |after| after.id.saturating_add(1));
///     let next = Cursor::new(After { id: first.saturating_add(1) })?;
///     Ok(Json(Articles { ids: vec![first, next.id], next }))
/// }
/// # let _ = palisade::scope("").service(list);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<T> {
    position: T,
    text: Box<str>,
}

impl<T> Cursor<T> {
    /// The position.
    pub fn into_inner(self) -> T {
        self.position
    }
}

impl<T: Serialize> Cursor<T> {
    /// A cursor for the response.
    ///
    /// # Errors
    ///
    /// The position cannot be written as JSON, or the text would have more than 1,024 bytes.
    pub fn new(position: T) -> Result<Self, CursorError> {
        let json = serde_json::to_vec(&position).map_err(|_| CursorError(()))?;
        let text = URL_SAFE_NO_PAD.encode(json);
        if text.len() > MOST {
            return Err(CursorError(()));
        }
        Ok(Self { position, text: text.into() })
    }
}

impl<T> Deref for Cursor<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.position
    }
}

/// The text.
impl<T> fmt::Display for Cursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T> Serialize for Cursor<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Cursor<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(CursorVisitor(PhantomData))
    }
}

struct CursorVisitor<T>(PhantomData<T>);

impl<T: DeserializeOwned> Visitor<'_> for CursorVisitor<T> {
    type Value = Cursor<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string that is a cursor of this list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cursor<T>, E> {
        // The error does not tell what is wrong inside, because clients do not make cursors.
        let malformed = || E::custom("not a cursor of this list");
        let bounded = Some(text).filter(|text| text.len() <= MOST).ok_or_else(malformed)?;
        let json = URL_SAFE_NO_PAD.decode(bounded).map_err(|_| malformed())?;
        let position = serde_json::from_slice(&json).map_err(|_| malformed())?;
        Ok(Cursor { position, text: text.into() })
    }
}

/// A position that is no cursor: JSON cannot express it, or the text would be too long.
///
/// As the error of a handler, it is 500, because only the application makes positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorError(());

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the position of a cursor is not JSON, or its text has more than 1,024 bytes")
    }
}

impl std::error::Error for CursorError {}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        Self::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR).caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct After {
        id: u64,
        title: String,
    }

    fn read(text: &str) -> Result<Cursor<After>, String> {
        serde_json::from_value(text.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn cursor_survives_a_round_trip() {
        let cursor = Cursor::new(After { id: 7, title: "Zürich?>~".to_owned() }).unwrap();
        let text = cursor.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
        assert_eq!(serde_json::to_value(&cursor).unwrap(), text);
        let read = read(&text).unwrap();
        assert_eq!(read, cursor);
        assert_eq!((read.id, read.into_inner().title.as_str()), (7, "Zürich?>~"));
    }

    #[test]
    fn malformed_text_is_rejected_without_its_content() {
        let encoded = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let long = format!("{{\"id\":1,\"title\":\"{}\"}}", "a".repeat(760));
        for text in [
            String::new(),
            "s3cret".to_owned(),
            encoded("s3cret"),
            encoded("{\"id\":1}"),
            encoded("{\"id\":\"s3cret\",\"title\":\"\"}"),
            encoded("{\"id\":1,\"title\":\"\"}") + "=",
            encoded("{\"id\":1,\"title\":\"\"}x"),
            encoded(&"[".repeat(700)),
            encoded(&long),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains("not a cursor of this list") && !error.contains("s3cret"), "{text}: {error}");
        }
        assert!(read(&encoded("{\"id\":1,\"title\":\"\"}")).is_ok());
    }

    #[test]
    fn position_that_is_no_cursor_is_an_error() {
        let most = Cursor::new("a".repeat(766)).unwrap();
        assert_eq!(most.to_string().len(), 1024);
        assert!(serde_json::from_value::<Cursor<String>>(most.to_string().into()).is_ok());
        let error = Cursor::new("a".repeat(767)).unwrap_err();
        assert_eq!(Problem::from(error).status(), 500);
        assert!(Cursor::new(std::collections::HashMap::from([((1, 2), 3)])).is_err());
    }
}
