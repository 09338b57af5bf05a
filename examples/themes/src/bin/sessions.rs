//! Sessions: log in, refresh, log out. A refresh token works once. `JWT_SECRET="$(head -c 32 /dev/urandom | base64)" cargo run -p
//! themes --bin sessions`, then: `curl http://127.0.0.1:3000/login --json '{"name": "alice", "password": "correct horse battery staple"}'`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/sessions.rs"]
mod tests;

use actix_web::web::{Data, Json};
use actix_web::{App, HttpServer, http::StatusCode};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::password::{PasswordMatch, Passwords};
use palisade::revocation::MemoryRevocations;
use palisade::session::{MemorySessions, Sessions, TokenPair};
use palisade::{ConfigError, Palisade, Principal, Problem, Scope, authenticated, post, public, rate_limit};

type AppSessions = Sessions<MemorySessions, MemoryRevocations>;
type Response = Result<Json<TokenPair>, Problem>;

/// The hash of alice's password, `correct horse battery staple`. In a real application it comes from a table.
const ALICE: &str = "$argon2id$v=19$m=19456,t=2,p=1$7i7eQgJLGtab0hINOQnvqQ$ty2BF9ZLpF6d9bPN0T8/p25TxLgqkTG1RU+BjQVA2Zo";

#[derive(serde::Deserialize)]
struct Login {
    name: String,
    password: String,
}

fn grant(name: &str) -> Grant {
    Grant::new(name, std::time::Duration::from_secs(15 * 60)).roles(["user"])
}

#[post("/login")]
#[public]
#[rate_limit(5, "15m", count = failures)]
async fn login(given: Json<Login>, passwords: Data<Passwords>, sessions: Data<AppSessions>) -> Response {
    // An unknown name costs one verification too, so that the time of the response does not reveal it.
    let stored = (given.name == "alice").then_some(ALICE);
    match passwords.verify(&given.password, stored).await? {
        PasswordMatch::Right { .. } => Ok(Json(sessions.begin(&grant(&given.name)).await?)),
        PasswordMatch::Wrong => Err(Problem::new(StatusCode::UNAUTHORIZED)),
    }
}

#[post("/refresh")]
#[public]
#[rate_limit(30, "15m", count = failures)]
async fn refresh(token: String, sessions: Data<AppSessions>) -> Response {
    Ok(Json(sessions.refresh(&token, async |session| Ok::<_, Problem>(grant(&session.subject))).await?))
}

#[post("/logout")]
#[authenticated]
async fn logout(caller: Principal, sessions: Data<AppSessions>) -> Result<&'static str, Problem> {
    sessions.end(&caller).await?;
    Ok("logged out")
}

fn routes() -> Scope {
    palisade::scope("").service(login).service(refresh).service(logout)
}

fn configure(secret: &[u8]) -> Result<(AppSessions, Palisade), ConfigError> {
    let issuer = TokenIssuer::hs256("https://sessions.example", "sessions", secret)?;
    let sessions = Sessions::new(issuer, MemorySessions::new(), MemoryRevocations::new());
    let palisade = Palisade::builder().authenticator(sessions.verifier().build()?).routes(&routes()).build()?;
    Ok((sessions, palisade))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let (sessions, palisade) = configure(secret.as_bytes())?;
    let (sessions, passwords) = (Data::new(sessions), Data::new(Passwords::new()?));
    let app = move || {
        App::new().app_data(sessions.clone()).app_data(passwords.clone()).service(routes()).wrap(palisade.clone())
    };
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
