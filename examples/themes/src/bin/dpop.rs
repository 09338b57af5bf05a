//! Access tokens that are bound to a key of the client (DPoP, RFC 9449): a stolen token is worth nothing without that key.
//!
//! `ISSUER=https://issuer.example NONCES=$(openssl rand -hex 32) cargo run -p themes --bin dpop`, then see what a client is told:
//! `curl -i http://127.0.0.1:3000/payments`. The issuer must bind the tokens, which most do for clients that send them a proof.

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/dpop.rs"]
mod tests;

use actix_web::{App, HttpServer};
use palisade::oauth::Dpop;
use palisade::{
    ConfigError, Cors, Jwt, Palisade, Principal, Scope, authorize, get, post, require_proof, require_scope, step_up,
};

/// Where clients see the API. A proof is for one address, and `Host` is not believed.
const API: &str = "http://127.0.0.1:3000";
/// The page whose script calls the API. Its preflights may announce the header `DPoP`.
const PAGE: &str = "http://localhost:8080";

/// A token that is not bound is enough here. One that is bound is accepted with its proof only.
#[get("/balance")]
#[require_scope("payments:read")]
async fn balance(caller: Principal) -> String {
    format!("{}: 0, bound: {}", caller.subject(), caller.is_bound())
}

/// A plain bearer token is refused.
#[get("/payments")]
#[require_scope("payments:read")]
#[require_proof]
async fn payments() -> &'static str {
    "none"
}

/// A payer must have proved a second factor in the last five minutes. A service that acts for a user cannot pay.
#[post("/payments")]
#[authorize(scope("payments:write") && !delegated)]
#[require_proof]
#[step_up(acr("phr"), max_age = "5m")]
async fn pay(caller: Principal) -> String {
    format!("paid by {}", caller.subject())
}

pub(crate) fn routes() -> Scope {
    palisade::scope("").service(balance).service(payments).service(pay)
}

/// Each process that serves the API has the same secret, so that each accepts the nonces of the others. With several processes, the
/// used proofs need a common store too: `.replays(RedisReplays::new(&redis))`.
pub(crate) fn configure(jwt: Jwt, nonces: &[u8]) -> Result<Palisade, ConfigError> {
    let dpop = Dpop::new(API)?.require_nonce(nonces);
    Palisade::builder().authenticator(jwt).dpop(dpop).cors(Cors::allow_origins([PAGE])).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let jwt = Jwt::discover(&std::env::var("ISSUER")?)?.audience("payments").build()?;
    let palisade = configure(jwt, std::env::var("NONCES")?.as_bytes())?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
