//! API keys, for programs that act on behalf of an account.
//!
//! A key acts as its owner on routes that only need an authenticated caller or the owner, such as those of documents. For other
//! routes it needs a scope. The threats are a key with more rights than its creator (CWE-269: a key cannot have a scope that the
//! creator does not have, has no roles, cannot change the account, and cannot create keys), and a key that can be read again
//! later (CWE-522: only its hash is stored).

use actix_web::{HttpResponse, http::header, web::Data};
use palisade::api_key::ApiKey;
use palisade::input::{Json, Path};
use palisade::{Problem, delete, get, post, rate_limit, require_scope, validate};
use serde::Serialize;

use crate::{
    actions,
    app::AppKeys,
    caller::Account,
    model::{KeyRequest, timestamp},
};

/// A key without its secret.
#[derive(Serialize)]
pub struct Key {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

impl From<&ApiKey> for Key {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id().to_owned(),
            name: key.name().to_owned(),
            scopes: key.scopes().to_vec(),
            created_at: timestamp(key.created()),
            expires_at: key.expires().map(timestamp),
            last_used_at: key.last_used().map(timestamp),
        }
    }
}

/// A key with its secret, which cannot be retrieved again.
#[derive(Serialize)]
struct NewKey<'k> {
    key: &'k str,
    #[serde(flatten)]
    about: Key,
}

#[derive(Serialize)]
struct Keys {
    items: Vec<Key>,
}

/// Creates a key for the caller's account.
#[post("/keys")]
#[require_scope("account:manage")]
#[rate_limit(20, "1h", by = principal, name = "new-keys")]
#[validate]
pub async fn create_key(
    wanted: Json<KeyRequest>,
    caller: Account,
    keys: Data<AppKeys>,
) -> Result<HttpResponse, Problem> {
    let created = actions::create_key(&wanted, &caller, &keys).await?;
    let location = format!("/api/keys/{}", created.record().id());
    let body = NewKey { key: created.expose(), about: created.record().into() };
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(body))
}

/// Lists the caller's active keys, the newest first.
#[get("/keys")]
#[require_scope("account:manage")]
pub async fn list_keys(caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    let items = actions::active_keys(&caller, &keys).await?.iter().map(Key::from).collect();
    Ok(HttpResponse::Ok().json(Keys { items }))
}

/// Removes a key of the caller. It stops working at once.
#[delete("/keys/{id}")]
#[require_scope("account:manage")]
pub async fn delete_key(id: Path<String>, caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    actions::remove_key(&id, &caller, &keys).await?;
    Ok(HttpResponse::NoContent().finish())
}
