//! The accounts, as their owners and the administrators see them.
//!
//! The threats are other people's accounts (BOLA, OWASP API1: `owner_or_admin` compares the path with the caller) and
//! rights that are taken by asking (API3, API5: a role is for administrators to give).

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json, Path, Query},
};
use palisade::{
    Principal, Problem, authenticated, delete, get, owner_or_admin, patch, post, require_permission, require_role,
    require_scope, validate,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::AppSessions,
    caller::Account,
    db::{Db, NewAccount},
    error::ApiError,
    model::{Listing, NewUser, Page, User, UserPatch},
    roles::Role,
};

/// What a token says about its bearer.
#[derive(Serialize)]
pub struct Me {
    subject: String,
    roles: Vec<String>,
    scopes: Vec<String>,
}

/// Who the caller is, from the token alone: the database is not asked.
#[get("/me")]
#[authenticated]
pub async fn me(caller: Principal) -> Json<Me> {
    Json(Me { subject: caller.subject().to_owned(), roles: caller.roles().to_vec(), scopes: caller.scopes().to_vec() })
}

/// One page of all accounts.
#[get("/users")]
#[require_role(Role::Admin)]
#[validate]
pub async fn list_users(listing: Query<Listing>, db: Data<Db>) -> Result<Json<Page>, Problem> {
    let (items, total) = db.page(&listing).await?;
    Ok(Json(Page { items, total, limit: listing.limit, offset: listing.offset }))
}

/// Makes an account for somebody. It has no password, so nobody can log in to it: a login is answered like
/// any wrong password.
#[post("/users")]
#[require_role(Role::Admin)]
#[validate]
pub async fn create_user(new: Json<NewUser>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    if new.role != Role::User {
        may_give_roles(&caller, &db).await?;
    }
    let account = NewAccount { name: &new.name, email: &new.email, age: new.age, role: new.role, password_hash: None };
    let user = db.insert(account).await?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
}

/// One account.
#[get("/users/{id}")]
#[owner_or_admin(id)]
pub async fn show_user(id: Path<Uuid>, db: Data<Db>) -> Result<Json<User>, Problem> {
    Ok(db.by_id(*id).await?.map(Json).ok_or(ApiError::NoSuchUser)?)
}

/// Changes what the body names. A body that names the role is for administrators only, whatever the value.
///
/// Only by whoever logged in here: a key can't take an account from its owner, and no administrator by the word of another
/// issuer one of ours.
#[patch("/users/{id}")]
#[owner_or_admin(id)]
#[require_scope("account:manage")]
#[validate]
pub async fn change_user(
    id: Path<Uuid>,
    change: Json<UserPatch>,
    caller: Account,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<Json<User>, Problem> {
    if change.role.is_some() {
        may_give_roles(&caller, &db).await?;
    }
    let user = db.update(*id, &change, sessions.issuer()).await?.ok_or(ApiError::NoSuchUser)?;
    if change.role.is_some() {
        // What was issued for the former role is over (ASVS V8.3.2); this is for a refresh that read it just before.
        sessions.renew_all_of(&id.to_string()).await?;
    }
    Ok(Json(user))
}

/// The account is asked too: the token was issued before now.
async fn may_give_roles(caller: &Account, db: &Db) -> Result<(), Problem> {
    if caller.principal.has_role(Role::Admin.role_name()) && db.is_admin(&caller.id.to_string()).await? {
        Ok(())
    } else {
        Err(ApiError::RoleNeedsAdmin.into())
    }
}

/// Removes an account, with its documents, sessions and keys; its tokens end too.
#[delete("/users/{id}")]
#[require_permission("users:delete")]
#[require_scope("account:manage")]
pub async fn delete_user(
    id: Path<Uuid>,
    _by: Account,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    let removed = db.delete(*id, sessions.issuer()).await?;
    // For a refresh that found the account just before.
    sessions.end_all_of(&id.to_string()).await?;
    if removed { Ok(HttpResponse::NoContent().finish()) } else { Err(ApiError::NoSuchUser.into()) }
}
