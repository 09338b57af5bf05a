//! The example `accounts` from outside: the real program in its own process, over real TLS.
//!
//! Each test starts its own server on free ports, with a temporary data folder.

mod all_routes;
mod banner;
mod bola;
mod certificate;
mod documents;
mod email_addresses;
mod keys;
mod logins;
mod lying_provider;
mod plain_http;
mod policies;
mod privacy;
mod provider_sign_in;
mod rate_limits;
mod ready;
mod recovery;
mod redis;
#[expect(dead_code, reason = "the tests of Redis use the rest of it")]
#[path = "../redis/server.rs"]
mod redis_server;
mod rights;
mod second_issuer;
mod sessions;
mod settings;
mod shutdown;
mod startup_errors;
mod support;
