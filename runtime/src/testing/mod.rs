//! What an application's own tests need.

pub use crate::quota::ManualClock;
