#![deny(unused_must_use)]

use palisade::password::{PasswordError, Passwords};

async fn log_in(passwords: &Passwords, given: &str, stored: &str) -> Result<(), PasswordError> {
    passwords.verify(given, Some(stored)).await?;
    Ok(())
}

fn main() {}
