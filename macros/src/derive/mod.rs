//! The derive macros.

mod endpoint;
mod role;

pub(crate) use self::endpoint::derive as endpoint;
pub(crate) use self::role::derive as role;
