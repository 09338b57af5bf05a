//! Rows of the application that have an owner.

pub use crate::extractors::{Owned, RowFilter};
pub use crate::policy::{Ownership, Resource};
pub use crate::unavailable::Unavailable;
