//! Sign-in at an OpenID provider, and logout by it. The routes are in `examples/themes/src/sign_in_routes.rs`.
//!
//! Register two addresses at the provider: `http://localhost:3000/sign-in/callback` as redirect URI, and, if the provider can reach
//! this machine, `/sign-in/back-channel` for logout tokens. Set `ISSUER`, `CLIENT_ID`, `CLIENT_SECRET` and `SIGN_IN_KEY` (the output of
//! `openssl rand -hex 32`). Then open `http://localhost:3000/me`, and not `127.0.0.1`: the cookie of the sign-in belongs to the host of
//! the redirect URI.

#![forbid(unsafe_code)]

#[path = "../sign_in_routes.rs"]
mod sign_in_routes;
#[cfg(test)]
#[path = "../tests/sign_in.rs"]
mod tests;

use std::env::var;

use actix_web::web::Data;
use actix_web::{App, HttpServer};
use palisade::Palisade;
use palisade::oauth::OAuthClient;
use palisade::revocation::MemoryRevocations;
use palisade::session::{CookieSessions, MemorySessions};

use self::sign_in_routes::{configure, routes};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = OAuthClient::secret_basic(var("CLIENT_ID")?, var("CLIENT_SECRET")?);
    let revoked = MemoryRevocations::new();
    let sign_in = configure(&var("ISSUER")?, client, var("SIGN_IN_KEY")?.as_bytes())?;
    let sessions = CookieSessions::new("http://localhost:3000", MemorySessions::new(), revoked.clone())?;
    let palisade = Palisade::builder().authenticator(sessions.clone()).routes(&routes()).build()?;
    let (sign_in, sessions, revoked) = (Data::new(sign_in), Data::new(sessions), Data::new(revoked));
    let app = move || App::new().app_data(sign_in.clone()).app_data(sessions.clone()).app_data(revoked.clone());
    let server = HttpServer::new(move || app().service(routes()).wrap(palisade.clone()));
    Ok(palisade::server::harden(server).bind(("127.0.0.1", 3000))?.run().await?)
}
