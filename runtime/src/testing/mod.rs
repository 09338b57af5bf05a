//! Helpers for the tests of an application (feature `testing`).
//!
//! Threat: a test helper that an attacker can use in production (CWE-489). Promise: the helpers work only within one process.
//! The helper that assumes a principal does not exist in builds without debug assertions.
//!
//! ```toml
//! [dev-dependencies]
//! palisade = { path = "../palisade/runtime", features = ["testing"] }
//! ```

#[cfg(debug_assertions)]
mod access;
#[cfg(debug_assertions)]
mod as_principal;
pub(crate) mod committed;
#[cfg(debug_assertions)]
mod outcome;
#[cfg(debug_assertions)]
mod personas;

#[cfg(debug_assertions)]
pub use self::access::{AccessMatrix, access_matrix};
#[cfg(debug_assertions)]
pub use self::as_principal::AsPrincipal;
#[cfg(debug_assertions)]
pub use self::outcome::Access;
#[cfg(debug_assertions)]
pub use self::personas::{Persona, Personas};
#[cfg(debug_assertions)]
#[doc(inline)]
pub use crate::__assert_access as assert_access;
#[doc(inline)]
pub use crate::__assert_policies as assert_policies;
pub use crate::clock::manual::ManualClock;
pub use crate::jwt::verify_signature;
