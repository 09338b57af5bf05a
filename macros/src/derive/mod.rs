//! The derive macros.

mod endpoint;
mod extractor;
mod role;

pub(crate) use self::endpoint::derive as endpoint;
pub(crate) use self::extractor::derive as extractor;
pub(crate) use self::role::derive as role;
