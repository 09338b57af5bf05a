//! What an application's own tests need: see the feature `testing`.
//!
//! Threat: help for tests that helps an attacker (CWE-489). Promise: everything here is code of the same process; what lets
//! a request pass for somebody is not even compiled without debug assertions.

#[cfg(debug_assertions)]
mod access;
#[cfg(debug_assertions)]
mod as_principal;
#[cfg(debug_assertions)]
mod personas;

#[cfg(debug_assertions)]
pub use self::access::{Access, AccessMatrix, access_matrix};
#[cfg(debug_assertions)]
pub use self::as_principal::AsPrincipal;
#[cfg(debug_assertions)]
pub use self::personas::{Persona, Personas};
pub use crate::quota::ManualClock;
