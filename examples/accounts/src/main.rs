//! An API of user accounts that declares its access control, rate limits and validation in attributes of its handlers.
//!
//! `cargo run -p accounts` serves it over HTTPS and prints `curl` lines to try. The routes are in [`auth`], [`users`],
//! [`documents`], [`keys`] and [`reports`], the pages for people in [`pages`], the setup of both in [`app`], and the
//! settings (environment variables) in [`config`].

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(test)]
mod access;
mod actions;
mod app;
mod auth;
mod banner;
mod boot;
mod caller;
mod config;
mod db;
mod device;
mod documents;
mod email;
mod error;
#[cfg(test)]
mod expanded;
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod in_process;
mod keys;
mod model;
mod pages;
mod passwords;
mod policies;
mod random;
mod ready;
mod reports;
mod reset;
mod roles;
mod seed;
mod server;
mod sign_in;
mod store;
mod telemetry;
mod text;
mod tls;
mod users;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use boot::BootError;
use config::Config;

const USAGE: &str = "\
accounts                                       starts the server; settings are environment variables, see README.md
accounts policies [--markdown|--json|--html]   prints the policy table
accounts reset-admin-password                  sets a new password for the administrator ACCOUNTS_ADMIN_EMAIL
";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] => return done(start()),
        ["reset-admin-password"] => return done(reset()),
        ["policies"] => policies::print(None),
        ["policies", form] => policies::print(Some(form)),
        ["help" | "-h" | "--help"] => {
            let _ = io::stdout().write_all(USAGE.as_bytes());
            Ok(())
        }
        [unknown, ..] => Err(format!("unknown command {unknown:?}; try --help")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            let _ = writeln!(io::stderr(), "{mistake}");
            ExitCode::from(2)
        }
    }
}

fn done(outcome: Result<(), BootError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for mistake in error.mistakes() {
                // If standard error is closed, the exit code still reports the failure.
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

fn reset() -> Result<(), BootError> {
    let config = Config::from_env(std::env::vars_os())?;
    actix_web::rt::System::new().block_on(reset::run(config))
}
