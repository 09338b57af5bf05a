#![forbid(unsafe_code)]

use std::time::Duration;

use actix_web::web::{Json, Path};
use actix_web::{App, HttpServer};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::{Palisade, Principal, authenticated, get, owner_or_admin, post, public, rate_limit, validate};
use serde::{Deserialize, Serialize};
use validator::Validate;

#[derive(Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct Note {
    #[validate(length(min = 1, max = 200))]
    text: String,
}

#[get("/health")]
#[public("for the load balancer")]
async fn health() -> &'static str {
    "ok"
}

#[get("/me")]
#[authenticated]
async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

#[post("/users/{id}/notes")]
#[owner_or_admin(id)]
#[rate_limit(5, "1m")]
#[validate]
async fn add_note(id: Path<String>, note: Json<Note>) -> Json<Note> {
    println!("{id} noted {} characters", note.text.len());
    note
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let issuer = TokenIssuer::hs256("https://quickstart.example", "quickstart", secret)?;
    println!("token of alice: {}", issuer.issue(&Grant::new("alice", Duration::from_secs(15 * 60)))?);

    let palisade = Palisade::builder().authenticator(issuer.verifier().build()?).build()?;
    let app = move || {
        let api = palisade::scope("/api").service(me).service(add_note);
        App::new().service(health).service(api).wrap(palisade.clone())
    };
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
