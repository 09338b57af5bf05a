//! The outcome of one call of the access matrix: what a persona expects, and what the guard did.

use std::fmt;

use actix_web::http::StatusCode;

/// The result of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// The handler would be called.
    In,
    /// The guard rejects the request with this status.
    Rejected(StatusCode),
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::In => f.write_str("in"),
            Access::Rejected(status) => write!(f, "{}", status.as_u16()),
        }
    }
}
