//! What an application's own tests need: see the feature `testing`.
//!
//! Threat: help for tests that helps an attacker (CWE-489). Promise: everything here is code of the same process; what lets
//! a request pass for somebody is not even compiled without debug assertions.
//!
//! ```toml
//! [dev-dependencies]
//! palisade = { path = "../palisade/runtime", features = ["testing"] }
//! ```

#[cfg(debug_assertions)]
mod access;
#[cfg(debug_assertions)]
mod as_principal;
mod committed;
#[cfg(debug_assertions)]
mod personas;

#[cfg(debug_assertions)]
pub use self::access::{Access, AccessMatrix, access_matrix};
#[cfg(debug_assertions)]
pub use self::as_principal::AsPrincipal;
pub use self::committed::committed;
#[cfg(debug_assertions)]
pub use self::personas::{Persona, Personas};
#[cfg(debug_assertions)]
#[doc(inline)]
pub use crate::__assert_access as assert_access;
#[doc(inline)]
pub use crate::__assert_policies as assert_policies;
pub use crate::jwt::verify_signature;
pub use crate::rate_limit::clock::ManualClock;
