//! Where a handler is in the source.

use std::fmt;

/// The full path of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerPath {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
}

impl fmt::Display for HandlerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}
