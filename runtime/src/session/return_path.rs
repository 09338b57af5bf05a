//! The page to which a login sends its user back.
//!
//! Threat: a link to the login page whose parameter leads to another site afterwards (CWE-601, ASVS V15.3.2). Promise: the value is a
//! path of this site, however a browser reads it. Any other text becomes `/`, and a sign-in refuses one that leads to another site.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::navigation::{LONGEST_PATH, is_path_of_this_site, stays_on_site};

/// A path of this site, maybe with a query, to which a login page sends its user back: the parameter `return_to` that
/// [`Scope::login_page`](crate::Scope::login_page) adds.
///
/// Each text is read without an error. One that is not a path of this site, or has more than 2,048 bytes, becomes `/`. So a link that
/// somebody else has made shows the usual page. [`SignIn::begin`](crate::oauth::SignIn::begin) refuses a text that leads to another site, and
/// notes it in the audit log.
///
/// ```
/// use actix_web::web::{Form, Query};
/// use actix_web::{HttpResponse, http::header::LOCATION};
/// use palisade::session::ReturnPath;
/// use palisade::{get, public};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Login {
///     #[serde(default)]
///     return_to: ReturnPath,
/// }
///
/// #[get("/logged-in")]
/// #[public]
/// async fn logged_in(query: Query<Login>) -> HttpResponse {
///     HttpResponse::SeeOther().insert_header((LOCATION, query.return_to.as_str())).finish()
/// }
/// # let _ = palisade::scope("").service(logged_in);
///
/// assert_eq!(ReturnPath::new("/app?page=2").as_str(), "/app?page=2");
/// assert_eq!(ReturnPath::new("//evil.example").as_str(), "/");
/// ```
///
/// It is visible ASCII without `"`, `'`, backticks, `<`, `>` and backslashes, and a text with one of them becomes `/`. In HTML, escape
/// its `&`. If the text leads to another site, the value is not equal to [`default`](Self::default).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(ReturnTarget);

#[derive(Clone, Debug, PartialEq, Eq)]
enum ReturnTarget {
    Path(String),
    /// A text that leads to another site.
    Foreign,
}

const FIRST_PAGE: &str = "/";

impl ReturnPath {
    /// The path, or `/` if the text is not a path of this site.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if !stays_on_site(text) {
            Self(ReturnTarget::Foreign)
        } else if text.len() <= LONGEST_PATH && is_path_of_this_site(text) {
            Self(ReturnTarget::Path(text.to_owned()))
        } else {
            Self::default()
        }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            ReturnTarget::Path(path) => path,
            ReturnTarget::Foreign => FIRST_PAGE,
        }
    }

    /// Whether the text leads to another site.
    #[cfg(feature = "oauth")]
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.0, ReturnTarget::Foreign)
    }
}

impl Default for ReturnPath {
    fn default() -> Self {
        Self(ReturnTarget::Path(FIRST_PAGE.to_owned()))
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReturnPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_cannot_be_used_becomes_the_first_page() {
        let of = |length| ReturnPath::new(&format!("/{}", "a".repeat(length)));
        assert_eq!(of(2_047).as_str().len(), 2_048);
        assert_eq!(of(2_048), ReturnPath::default());
        for wrong in ["", "app/keys", "/o'brien", "/search?q=two words", "/café", "/a\"b"] {
            assert_eq!(ReturnPath::new(wrong), ReturnPath::default(), "{wrong}");
        }
        assert_ne!(ReturnPath::new("//evil.example"), ReturnPath::default());
    }
}
