//! API keys, for programs that act for an account.
//!
//! A key acts as its owner where being known or owning is enough, such as for documents; besides it can do what its scopes say.
//! The threats are a key that can do more than who made it (CWE-269: no scope that the caller has not, no roles, no change of the
//! account, and no way to make further keys) and one that is shown twice (CWE-522: only its hash is kept).

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json, Path},
};
use palisade::api_key::{ApiKey, NewApiKey};
use palisade::{Problem, delete, get, post, rate_limit, require_scope, validate};
use serde::Serialize;

use crate::{
    app::AppKeys,
    caller::Account,
    error::ApiError,
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

/// A key with its secret, which nobody can show again.
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

/// Makes a key of the caller's account.
#[post("/keys")]
#[require_scope("account:manage")]
#[rate_limit(20, "1h", by = principal)]
#[validate]
pub async fn create_key(
    wanted: Json<KeyRequest>,
    caller: Account,
    keys: Data<AppKeys>,
) -> Result<HttpResponse, Problem> {
    let scopes: Vec<&str> = wanted.scopes.iter().map(|scope| scope.name()).collect();
    if !scopes.iter().all(|scope| caller.principal.has_scope(scope)) {
        return Err(ApiError::ScopeNotHeld.into());
    }
    let mut key = NewApiKey::of(&caller.principal).name(&wanted.name).scopes(scopes);
    if let Some(days) = wanted.expires_in_days {
        key = key.expires_after(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    }
    let created = keys.create(key).await?;
    let location = format!("/api/keys/{}", created.record().id());
    let body = NewKey { key: created.expose(), about: created.record().into() };
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(body))
}

/// The caller's keys, the newest first.
#[get("/keys")]
#[require_scope("account:manage")]
pub async fn list_keys(caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    let now = SystemTime::now();
    let own = keys.list(&caller.id.to_string()).await?;
    let items = own.iter().filter(|key| key.is_active(now)).map(Key::from).collect();
    Ok(HttpResponse::Ok().json(Keys { items }))
}

/// Ends a key of the caller's, at once.
#[delete("/keys/{id}")]
#[require_scope("account:manage")]
pub async fn delete_key(id: Path<String>, caller: Account, keys: Data<AppKeys>) -> Result<HttpResponse, Problem> {
    if keys.remove(&caller.id.to_string(), &id).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NoSuchKey.into())
    }
}
