//! What can't be found out now.
//!
//! Threat: an outage that is taken for a yes or a no (CWE-636). Promise: it is an error of its own, answered with 503.

use crate::problem::{Problem, answer_with_a_problem};

/// A database or service does not answer, so that the question can't be decided: 503 with `Retry-After`.
///
/// Whatever went wrong belongs into the application's own log; every error can become this one with `map_err(|error| ..)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("a service that the decision depends on does not answer")]
#[allow(clippy::exhaustive_structs, reason = "stores of the application make one")]
pub struct Unavailable;

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        Self::unavailable().caused_by(error)
    }
}

answer_with_a_problem!(Unavailable);
