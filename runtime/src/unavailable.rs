//! The error for a decision that is not possible during an outage.
//!
//! Threat: an outage is treated as a decision, such as access granted (CWE-636). Promise: it is a separate error, and the response
//! is 503.

use crate::problem::{Problem, respond_with_problem};

/// A database or service does not respond, so the decision is not possible: 503 with `Retry-After`.
///
/// Log the cause in the application's own log; convert any error into this one with `map_err(|error| ..)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("a service that the decision depends on is unavailable")]
#[allow(clippy::exhaustive_structs, reason = "stores of the application make one")]
pub struct Unavailable;

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        Self::unavailable().caused_by(error)
    }
}

respond_with_problem!(Unavailable);
