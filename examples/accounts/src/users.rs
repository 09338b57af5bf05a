//! Accounts, for their owners and for administrators.
//!
//! The threats are access to accounts of other users (BOLA, OWASP API1: `owner_or_admin` compares the id in the path with the
//! caller) and privilege escalation (API3, API5: only administrators can assign roles).

use actix_web::{HttpResponse, http::header, web::Data};
use palisade::input::{Json, Path, Query};
use palisade::{
    Principal, Problem, authenticated, delete, get, owner_or_admin, patch, post, require_permission, require_role,
    require_scope, validate,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    actions,
    app::AppSessions,
    caller::Account,
    db::{Db, NewAccount},
    error::ApiError,
    model::{Listing, NewUser, Page, User, UserPatch},
    roles::Role,
};

/// The subject, roles and scopes of the caller.
#[derive(Serialize)]
pub struct Me {
    subject: String,
    roles: Vec<String>,
    scopes: Vec<String>,
}

/// Returns the caller as the verified credential describes it. Does not read the account.
#[get("/me")]
#[authenticated]
pub async fn me(caller: Principal) -> Json<Me> {
    Json(Me { subject: caller.subject().to_owned(), roles: caller.roles().to_vec(), scopes: caller.scopes().to_vec() })
}

/// Returns one page of all accounts.
#[get("/users")]
#[require_role(Role::Admin)]
#[validate]
pub async fn list_users(listing: Query<Listing>, db: Data<Db>) -> Result<Json<Page>, Problem> {
    let (items, total) = db.page(&listing).await?;
    Ok(Json(Page { items, total, limit: listing.limit, offset: listing.offset }))
}

/// Creates an account without a password. Nobody can log in to it: a login gets the response of a wrong password.
#[post("/users")]
#[require_role(Role::Admin)]
#[validate]
pub async fn create_user(new: Json<NewUser>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    if new.role != Role::User {
        actions::may_assign_roles(&caller, &db).await?;
    }
    let account = NewAccount { name: &new.name, email: &new.email, age: new.age, role: new.role, password_hash: None };
    let user = db.create_account(account).await?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
}

/// Returns one account.
#[get("/users/{id}")]
#[owner_or_admin(id)]
pub async fn show_user(id: Path<Uuid>, db: Data<Db>) -> Result<Json<User>, Problem> {
    Ok(db.user_by_id(*id).await?.map(Json).ok_or(ApiError::NoSuchUser)?)
}

/// Changes the members that the body contains. Only administrators may send a `role`, even an unchanged one.
///
/// The scope is given by a login on this server. So an API key cannot take over its owner's account, and an administrator of
/// another issuer cannot take over an account here.
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
    Ok(Json(actions::change_user(*id, &change, &caller, &db, &sessions).await?))
}

/// Deletes an account with its documents, sessions and API keys, and revokes its tokens.
#[delete("/users/{id}")]
#[require_permission("users:delete")]
#[require_scope("account:manage")]
pub async fn delete_user(
    id: Path<Uuid>,
    _by: Account,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    actions::delete_user(*id, &db, &sessions).await?;
    Ok(HttpResponse::NoContent().finish())
}
