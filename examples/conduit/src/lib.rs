//! A backend of the RealWorld API ("Conduit"): an API with its own error format and its own token scheme, behind palisade.
//!
//! The routes are in [`app`], the error format in [`error`], and the settings (environment variables) in [`config`].

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod app;
mod articles;
mod caller;
mod comments;
pub mod config;
pub mod data;
pub mod db;
pub mod error;
mod input;
mod output;
mod password;
mod profiles;
mod slug;
pub mod startup;
mod users;
