//! Starts, calls and stops the server.

pub mod client;
mod database;
pub mod program;
pub mod raw;
pub mod sign_in;

pub use client::{Client, TestResponse};
pub use program::{Server, start_and_fail};

use std::time::Duration;

/// Ends a test that hangs. It is long, because the machine may be slow.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The administrator's password, if a test does not want the generated one.
pub const ADMIN_PASSWORD: &str = "the administrator's own phrase";
pub const ADMIN_EMAIL: &str = "admin@example.com";
