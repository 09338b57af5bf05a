//! An issuer whose keys are public and rotate: other services verify its tokens without a shared secret.
//!
//! `cargo run -p themes --bin own_keys` prints a token of an operator. Then, for example:
//! `curl -i http://127.0.0.1:3000/.well-known/jwks.json`, and after five minutes
//! `curl -i -X POST http://127.0.0.1:3000/keys/rotation -H "Authorization: Bearer $TOKEN"`

#![forbid(unsafe_code)]

#[path = "../new_key.rs"]
mod new_key;
#[cfg(test)]
#[path = "../tests/own_keys.rs"]
mod tests;

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{App, HttpServer};
use palisade::jwt::{Grant, PublishedKeys, TokenIssuer};
use palisade::{ConfigError, Palisade, Problem, Scope, cors, get, post, public, require_role};

use self::new_key::new_key;

const ISSUER: &str = "https://accounts.example";

/// What other services fetch: `Cache-Control` says for how long they may keep it.
#[get("/.well-known/jwks.json")]
#[public("verification keys")]
#[cors(any)]
async fn published_keys(issuer: Data<TokenIssuer>) -> Result<PublishedKeys, ConfigError> {
    issuer.key_set()
}

/// The next key signs from now on. Before it was public for five minutes, this is 503 with `Retry-After`.
#[post("/keys/rotation")]
#[require_role("operator")]
async fn rotate(issuer: Data<TokenIssuer>) -> Result<&'static str, Problem> {
    issuer.rotate(new_key()?)?;
    Ok("rotated")
}

fn routes() -> Scope {
    palisade::scope("").service(published_keys).service(rotate)
}

/// A real application reads both keys from files that all of its processes have.
fn issuer() -> Result<TokenIssuer, ConfigError> {
    TokenIssuer::new(ISSUER, "orders-api", new_key()?)?.with_next(new_key()?)
}

/// The verifier of this process follows each rotation.
fn configure(issuer: &TokenIssuer) -> Result<Palisade, ConfigError> {
    Palisade::builder().authenticator(issuer.verifier().build()?).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = issuer()?;
    let operator = Grant::new("u-1", Duration::from_mins(15)).roles(["operator"]);
    println!("token of an operator: {}", issuer.issue(&operator)?);
    let (palisade, issuer) = (configure(&issuer)?, Data::new(issuer));
    let app = move || App::new().app_data(issuer.clone()).service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
