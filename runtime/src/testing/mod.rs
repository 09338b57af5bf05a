//! What an application's own tests need.

mod committed;

pub use self::committed::committed;
#[doc(inline)]
pub use crate::__assert_policies as assert_policies;
pub use crate::quota::ManualClock;
