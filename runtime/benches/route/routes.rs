//! The routes of the rows: bare, checked by hand, and annotated.

use std::hint::black_box;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use jsonwebtoken::{DecodingKey, Validation};
use palisade::{get, owner, post, public, rate_limit, require_role, validate};
use serde::Deserialize;
use validator::Validate;

pub(crate) const SECRET: &[u8] = b"a secret of the benches, 32 bytes or more";

#[derive(Deserialize, Validate)]
pub(crate) struct Note {
    #[validate(length(min = 1, max = 100))]
    title: String,
    #[validate(range(min = 0, max = 150))]
    age: u8,
}

pub(crate) async fn bare_get(id: Path<String>) -> HttpResponse {
    black_box(id);
    HttpResponse::Ok().finish()
}

pub(crate) async fn bare_post(note: Json<Note>) -> HttpResponse {
    black_box((&note.title, note.age));
    HttpResponse::Ok().finish()
}

/// What an application without palisade decodes of its tokens.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    roles: Vec<String>,
}

pub(crate) struct ByHand {
    key: DecodingKey,
    validation: Validation,
}

impl ByHand {
    pub(crate) fn new() -> Self {
        let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.set_issuer(&["https://issuer.example"]);
        validation.set_audience(&["benches"]);
        Self { key: DecodingKey::from_secret(SECRET).unwrap(), validation }
    }
}

/// The checks of `owner_get` as an application writes them with `jsonwebtoken`.
pub(crate) async fn by_hand_get(request: HttpRequest, id: Path<String>, by_hand: Data<ByHand>) -> HttpResponse {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return HttpResponse::Unauthorized().finish();
    };
    let Ok(token) = jsonwebtoken::decode::<Claims>(token, &by_hand.key, &by_hand.validation) else {
        return HttpResponse::Unauthorized().finish();
    };
    if !token.claims.roles.iter().any(|role| role == "admin") || token.claims.sub != *id {
        return HttpResponse::Forbidden().finish();
    }
    bare_get(id).await
}

#[get("/public/{id}")]
#[public]
pub(crate) async fn public_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[get("/role/{id}")]
#[require_role("admin")]
pub(crate) async fn role_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[get("/owner/{id}")]
#[require_role("admin")]
#[owner(id)]
pub(crate) async fn owner_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[get("/rate-limit/{id}")]
#[public]
#[rate_limit(4_000_000, "1h")]
pub(crate) async fn rate_limit_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

/// A rate limit that the first request uses up.
#[get("/used-up/{id}")]
#[public]
#[rate_limit(1, "1h")]
pub(crate) async fn used_up_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[post("/stack/{id}")]
#[owner(id)]
#[require_role("admin")]
#[rate_limit(4_000_000, "1h")]
#[validate]
pub(crate) async fn stack_post(note: Json<Note>) -> HttpResponse {
    bare_post(note).await
}
