//! The example `accounts` from outside: the real program, as its own process, over real TLS.
//!
//! A server of its own for each test, on ports that the system picks, with a data folder that is thrown away.

mod banner;
mod bola;
mod boot;
mod certificate;
mod documents;
mod drain;
mod keys;
mod logins;
mod mailboxes;
mod partner;
mod plain_http;
mod policies;
mod privacy;
mod rate_limits;
mod ready;
mod recovery;
mod redis;
#[expect(dead_code, reason = "the tests of Redis itself do more with it")]
#[path = "../redis/server.rs"]
mod redis_server;
mod rights;
mod sessions;
mod settings;
mod support;
mod walk;
