//! All accounts, for administrators.
//!
//! The threats are those of the API (see [`crate::users`]): a role that a user assigns to the own account, and rights that remain after
//! they were taken away. An administrator cannot change or delete the own account here, so that a mistake locks nobody out.

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use palisade::input::{Form, Path, Query};
use palisade::{Problem, get, post, require_permission, require_role, require_scope, validate};
use serde::Deserialize;
use uuid::Uuid;
use validator::Validate;

use super::parts::{self, Paging, Section, Top, page, see_other};
use crate::{
    actions,
    app::AppSessions,
    caller::Account,
    db::Db,
    error::ApiError,
    model::{Listing, User, UserPatch},
    roles::Role,
};

/// What was done before the list is shown again.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserDone {
    Changed,
    Deleted,
}

/// The query of the list.
#[derive(Deserialize, Validate)]
pub struct UserQuery {
    #[serde(default)]
    #[validate(range(min = 0, max = 1_000_000))]
    offset: i64,
    done: Option<UserDone>,
}

/// What the form of a role sends.
#[derive(Deserialize, Validate)]
pub struct RoleForm {
    role: Role,
}

#[derive(Template)]
#[template(path = "users.html")]
struct ListPage {
    top: Top,
    items: Vec<User>,
    paging: Paging,
    own: Uuid,
    done: Option<UserDone>,
}

#[derive(Template)]
#[template(path = "user.html")]
struct ShowPage {
    top: Top,
    user: User,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "user_delete.html")]
struct DeletePage {
    top: Top,
    user: User,
}

/// Lists all accounts, the oldest first.
#[get("/users")]
#[require_role(Role::Admin)]
#[validate]
pub async fn list(query: Query<UserQuery>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let listing = Listing { offset: query.offset, ..Listing::default() };
    let (items, total) = db.page(&listing).await?;
    let paging = Paging::new(listing.offset, listing.limit, items.len(), total);
    let top = Top::of(&caller.principal, Section::Users);
    page(&ListPage { top, items, paging, own: caller.id, done: query.done })
}

/// Shows one account, and the form of its role.
#[get("/users/{id}")]
#[require_role(Role::Admin)]
pub async fn show(id: Path<Uuid>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let user = db.user_by_id(*id).await?.ok_or(ApiError::NoSuchUser)?;
    page(&ShowPage { top: Top::of(&caller.principal, Section::Users), is_own: user.id == caller.id, user })
}

/// Gives an account another role. Its sessions of browsers end, and its access tokens are revoked.
#[post("/users/{id}")]
#[require_role(Role::Admin)]
#[require_scope("account:manage")]
#[validate]
pub async fn change_role(
    id: Path<Uuid>,
    form: Form<RoleForm>,
    caller: Account,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    must_be_another(*id, &caller)?;
    let change = UserPatch { role: Some(form.role), ..UserPatch::default() };
    actions::change_user(*id, &change, &caller, &db, &sessions).await?;
    Ok(see_other("/app/users?done=changed"))
}

fn must_be_another(id: Uuid, caller: &Account) -> Result<(), Problem> {
    if id == caller.id {
        return Err(Problem::new(StatusCode::FORBIDDEN).with_detail("Another administrator has to do this."));
    }
    Ok(())
}

/// Asks whether an account is to be deleted.
#[get("/users/{id}/delete")]
#[require_permission("users:delete")]
#[require_scope("account:manage")]
pub async fn confirm_delete(id: Path<Uuid>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
    must_be_another(*id, &caller)?;
    let user = db.user_by_id(*id).await?.ok_or(ApiError::NoSuchUser)?;
    page(&DeletePage { top: Top::of(&caller.principal, Section::Users), user })
}

/// Deletes an account with its documents, sessions and API keys, and revokes its tokens.
#[post("/users/{id}/delete")]
#[require_permission("users:delete")]
#[require_scope("account:manage")]
pub async fn delete(
    id: Path<Uuid>,
    by: Account,
    db: Data<Db>,
    sessions: Data<AppSessions>,
) -> Result<HttpResponse, Problem> {
    must_be_another(*id, &by)?;
    actions::delete_user(*id, &db, &sessions).await?;
    Ok(see_other("/app/users?done=deleted"))
}
