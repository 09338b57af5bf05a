//! The example `accounts` on PostgreSQL: the same tests as on SQLite, as far as they concern the database, and those of its settings.

mod all_routes;
mod bola;
mod documents;
mod email_addresses;
mod keys;
mod logins;
mod postgres_outage;
mod privacy;
mod provider_sign_in;
mod rate_limits;
mod recovery;
#[expect(dead_code, reason = "the tests of Redis use the rest of it")]
#[path = "../redis/server.rs"]
mod redis_server;
mod rights;
mod sessions;
#[expect(dead_code, reason = "the tests of the target `accounts` use the rest of it")]
mod support;
