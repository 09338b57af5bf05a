//! The derive macros.

mod role;

pub(crate) use self::role::derive as role;
