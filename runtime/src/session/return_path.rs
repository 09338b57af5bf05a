//! The page to which a login sends its user back.
//!
//! Threat: a link to the login page whose parameter leads to another site afterwards (CWE-601, ASVS V15.3.2). Promise: the value is a
//! path of this site, however a browser reads it. Any other text becomes `/`.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::navigation::is_path_of_this_site;

/// A path of this site, maybe with a query, to which a login page sends its user back: the parameter `return_to` that
/// [`Scope::login_page`](crate::Scope::login_page) adds.
///
/// Each text is read without an error. One that is not a path of this site, or has more than 2,048 bytes, becomes `/`. So a link that
/// somebody else has made shows the usual page.
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
/// its `&`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// The path, or `/` if the text is not a path of this site.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if is_path_of_this_site(text) { Self(text.to_owned()) } else { Self::default() }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnPath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReturnPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}
