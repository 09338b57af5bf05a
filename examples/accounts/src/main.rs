//! An API of user accounts whose whole defence is declared above its handlers.
//!
//! `cargo run -p accounts` serves it over HTTPS and prints what to try. The routes are in [`auth`] and
//! [`users`], their wiring in [`app`], the settings (all of them environment variables) in [`config`].

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod app;
mod auth;
mod banner;
mod boot;
mod config;
mod db;
mod error;
mod files;
mod model;
mod passwords;
mod plain;
mod random;
mod seed;
mod server;
mod telemetry;
mod tls;
mod users;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use boot::BootError;
use config::Config;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for mistake in error.mistakes() {
                // If nobody can be told, the exit code still says it.
                let _ = writeln!(io::stderr(), "{mistake}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), BootError> {
    let config = Config::from_env(std::env::vars_os())?;
    actix_web::rt::System::new().block_on(server::run(config))
}
