//! Roles and permissions: an enum of roles, what each one implies, and what it may do.
//!
//! `JWT_SECRET="$(head -c 32 /dev/urandom | base64)" cargo run -p themes --bin roles` prints a token for each role. Then, for example:
//! `curl -i http://127.0.0.1:3000/articles -H "Authorization: Bearer $TOKEN"`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/roles.rs"]
mod tests;

use std::time::Duration;

use actix_web::web::Path;
use actix_web::{App, HttpServer};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::{ConfigError, Palisade, Roles, Scope, authorize, delete, get, post, require_permission, require_role};

#[derive(Clone, Copy, palisade::Role)]
enum Role {
    #[implies(Editor)]
    #[grants("articles:delete")]
    Admin,
    #[implies(Reader)]
    Editor,
    Reader,
}

#[get("/articles")]
#[require_role(Role::Reader)]
async fn list_articles() -> &'static str {
    "every article"
}

#[post("/articles")]
#[require_role(Role::Editor)]
async fn write_article() -> &'static str {
    "written"
}

#[post("/articles/{id}/publication")]
#[authorize(role(Role::Admin) || (role(Role::Editor) && scope("articles:publish")))]
async fn publish_article(id: Path<u64>) -> String {
    format!("article {id} is public")
}

#[delete("/articles/{id}")]
#[require_permission("articles:delete")]
async fn delete_article(id: Path<u64>) -> String {
    format!("article {id} is deleted")
}

fn routes() -> Scope {
    palisade::scope("").service(list_articles).service(write_article).service(publish_article).service(delete_article)
}

/// Building fails if a rule names a role or a permission that the enum does not have.
fn configure(issuer: &TokenIssuer) -> Result<Palisade, ConfigError> {
    Palisade::builder().authenticator(issuer.verifier().build()?).roles(Roles::of::<Role>()).routes(&routes()).build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let issuer = TokenIssuer::hs256("https://roles.example", "roles", secret)?;
    for role in [Role::Admin, Role::Editor, Role::Reader] {
        let grant = Grant::new("alice", Duration::from_mins(15)).roles([role.role_name()]);
        println!("{}: {}", role.role_name(), issuer.issue(&grant)?);
    }
    let palisade = configure(&issuer)?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
