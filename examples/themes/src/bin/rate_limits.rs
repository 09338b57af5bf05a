//! Rate limits: failed logins, expensive requests, and a handler that works with a limit itself. Start it with:
//! `JWT_SECRET="$(head -c 32 /dev/urandom | base64)" cargo run -p themes --bin rate_limits`. Then, six times:
//! `curl -i http://127.0.0.1:3000/login --json '{"email": "ann@example.org", "code": "guess"}'`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/rate_limits.rs"]
mod tests;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Json, Path};
use actix_web::{App, HttpServer};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::rate_limit::{By, Count, MemoryRateLimits};
use palisade::rate_limiter::RateLimitKey;
use palisade::{ConfigError, Palisade, Problem, RateLimit, RateLimiter, Scope};
use palisade::{get, post, public, rate_limit, require_role, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Login {
    #[validate(email)]
    email: String,
    code: String,
}

/// Five failures for each address stop one guesser with many names. Twenty for each email stop many guessers of one name.
#[post("/login")]
#[public]
#[rate_limit(5, "15m", count = failures)]
#[rate_limit(20, "15m", by = field(body.email), count = failures, name = "login-email")]
#[validate]
async fn login(body: Json<Login>) -> Result<&'static str, Problem> {
    let Login { code, .. } = body.into_inner();
    if code == "the right one" { Ok("welcome") } else { Err(Problem::new(StatusCode::UNAUTHORIZED)) }
}

/// A search takes 10 of the 100 units that an address has each minute.
#[get("/search/{term}")]
#[public]
#[rate_limit(100, "1m", cost = 10)]
async fn search(term: Path<String>) -> String {
    format!("nothing was found for {term}")
}

/// The name, numbers and key of the second limit of `login`. With other numbers `reset` returns an error.
const BY_EMAIL: RateLimit =
    RateLimit::new("login-email", 20, Duration::from_secs(15 * 60)).by(By::Field("body.email")).count(Count::Failures);

#[post("/unlock/{email}")]
#[require_role("support")]
async fn unlock(email: Path<String>, limiter: RateLimiter) -> Result<&'static str, Problem> {
    limiter.reset(&BY_EMAIL, &RateLimitKey::field(&email)).await?;
    Ok("unlocked")
}

/// All routes together: 300 requests a minute for each address.
fn routes() -> Scope {
    let per_address = RateLimit::new("all", 300, Duration::from_mins(1));
    palisade::scope("").rate_limit(per_address).service(login).service(search).service(unlock)
}

fn configure(issuer: &TokenIssuer) -> Result<Palisade, ConfigError> {
    Palisade::builder().authenticator(issuer.verifier().build()?).rate_limit_store(MemoryRateLimits::new()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let issuer = TokenIssuer::hs256("https://rate-limits.example", "rate-limits", secret)?;
    println!("{}", issuer.issue(&Grant::new("alice", Duration::from_mins(15)).roles(["support"]))?);
    let palisade = configure(&issuer)?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
