//! Rows of the application that have an owner.
//!
//! Threat: a caller who changes the id in a path reads the row of another user (CWE-639, OWASP API1). Promise: a handler with
//! `#[owner(id, of = Note)]` is called only with a row that was loaded and belongs to the caller.
//!
//! [`Resource`] defines how a row is loaded and who owns it ([`OwnerKey`]), [`Owned`] passes the row to the handler, and [`RowFilter`] defines
//! which rows a list may show. See [`owner`](macro@crate::owner), [`owner_or_admin`](macro@crate::owner_or_admin) and
//! [`tenant`](macro@crate::tenant).
//!
//! ```
//! use palisade::{get, owner};
//!
//! #[get("/users/{id}")]
//! #[owner(id)] // The path parameter must equal the caller's subject: no row is loaded.
//! async fn show(id: actix_web::web::Path<String>) -> String {
//!     id.into_inner()
//! }
//! ```

pub use crate::extractors::{Owned, RowFilter};
pub use crate::policy::{OwnerKey, Ownership, Resource};
pub use crate::unavailable::Unavailable;
