//! Starts, calls and stops the server.

pub mod client;
mod database;
pub mod program;
pub mod raw;
pub mod sign_in;

pub use client::{Client, TestResponse};
pub use program::{Server, start_and_fail};

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Ends a test that hangs. It is long, because the machine may be slow.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The administrator's password, if a test does not want the generated one.
pub const ADMIN_PASSWORD: &str = "the administrator's own phrase";
pub const ADMIN_EMAIL: &str = "admin@example.com";

/// A free port, for a server whose port must be known before it starts. The system gives out other ports to those who ask for any, so none of the
/// tests that run beside this one gets it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
