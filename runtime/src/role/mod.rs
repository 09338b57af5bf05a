//! The role registry: which roles exist, what they imply, and which permissions they grant.
//!
//! Threat: an undefined role, misspelt in a rule or carried by a token, that grants something (CWE-863).
//!
//! Promise: with a registry, a rule that names an undefined role is an error at startup, and an undefined role in a credential
//! grants nothing.
//!
//! ```
//! use palisade::{Palisade, Roles, get, require_permission};
//! # use palisade::Jwt;
//!
//! #[derive(Clone, Copy, palisade::Role)]
//! enum Role {
//!     #[implies(Editor)]
//!     #[grants("users:delete")]
//!     Admin,
//!     Editor,
//! }
//!
//! #[get("/purge")]
//! #[require_permission("users:delete")]
//! async fn purge() -> &'static str {
//!     "purged"
//! }
//!
//! # let jwt = Jwt::hs256("https://issuer.example", "my-api", [7; 32])?;
//! let routes = palisade::scope("").service(purge);
//! Palisade::builder().authenticator(jwt).roles(Roles::of::<Role>()).routes(&routes).build()?;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! See [`require_role`](macro@crate::require_role), [`require_permission`](macro@crate::require_permission) and
//! [`PalisadeBuilder::roles`](crate::PalisadeBuilder::roles).

mod definition;
mod registry;

pub use self::definition::{RoleDefinition, RoleName, TypedRole};
pub use self::registry::{RoleTerms, Roles, RolesBuilder};
