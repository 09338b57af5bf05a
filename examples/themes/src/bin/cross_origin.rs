//! Other origins: who may read responses, and who may act with the cookie of a user. Start it with:
//! `JWT_SECRET="$(head -c 32 /dev/urandom | base64)" cargo run -p themes --bin cross_origin`. It prints a token. Then:
//! `curl -i http://127.0.0.1:3000/notes -X POST -d hello -b "session=$TOKEN" -H 'Origin: https://evil.example'`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/cross_origin.rs"]
mod tests;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpServer};
use palisade::cors::Origin;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::{ConfigError, Cors, Palisade, Problem, Scope};
use palisade::{allow_cross_site, authenticated, cors, get, origin, post, public};

/// A mistake in it is a compile error.
const PARTNER: Origin = origin!("https://partner.example");

/// Each page on the web may read the prices.
#[get("/prices")]
#[public]
#[cors(any, max_age = "2h")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

/// Pages of this origin, and of the application's other origin: the rule of the application applies.
#[post("/notes")]
#[authenticated]
async fn add_note(note: String) -> String {
    note
}

/// Pages of the partner may order for a user who is logged in here. The rule of the application does not apply.
#[post("/orders")]
#[authenticated]
#[cors(PARTNER, credentials, methods("POST"), expose("X-Order"))]
async fn order() -> &'static str {
    "ordered"
}

/// Not readable for other origins.
#[get("/invoices")]
#[authenticated]
#[cors(none)]
async fn invoices() -> &'static str {
    "none"
}

/// A form of the payment provider, from any page. It proves itself in another way.
#[post("/paid")]
#[authenticated]
#[allow_cross_site("the payment provider sends a form; its signature is checked")]
async fn paid(form: String) -> Result<&'static str, Problem> {
    (form == "signature=right").then_some("paid").ok_or(Problem::new(StatusCode::FORBIDDEN))
}

fn routes() -> Scope {
    palisade::scope("").service(prices).service(add_note).service(order).service(invoices).service(paid)
}

fn configure(issuer: &TokenIssuer) -> Result<Palisade, ConfigError> {
    let tokens = issuer.verifier().from_cookie("session").build()?;
    let cors = Cors::allow_origins(["https://app.example"]).allow_credentials().allow_header("X-Request-Id");
    Palisade::builder().authenticator(tokens).cors(cors).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let issuer = TokenIssuer::hs256("https://cross-origin.example", "cross-origin", secret)?;
    println!("{}", issuer.issue(&Grant::new("alice", Duration::from_mins(15)))?);
    let palisade = configure(&issuer)?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
