//! Rows of the application that belong to somebody.
//!
//! Threat: a caller who changes the id in a path reads the row of somebody else (CWE-639, OWASP API1). Promise: a handler of
//! `#[owner(Note = id)]` is called only with a row that was loaded and belongs to the caller.
//!
//! [`Resource`] tells how a row is loaded and whose it is, [`Owned`] hands the row to the handler, and [`RowFilter`] tells which
//! rows a list may show. See [`owner`](macro@crate::owner), [`owner_or_admin`](macro@crate::owner_or_admin) and
//! [`tenant`](macro@crate::tenant).
//!
//! ```
//! use palisade::{get, owner};
//!
//! #[get("/users/{id}")]
//! #[owner(id)] // The subject of the caller equals the path parameter: no row is needed.
//! async fn show(id: actix_web::web::Path<String>) -> String {
//!     id.into_inner()
//! }
//! ```

pub use crate::extractors::{Owned, RowFilter};
pub use crate::policy::{Ownership, Resource};
pub use crate::unavailable::Unavailable;
