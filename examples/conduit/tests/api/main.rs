//! The whole API, in process: each route with its responses, who may call it, its settings, and a restart.

mod access;
mod articles;
mod comments;
mod profiles;
mod settings;
mod support;
mod users;
