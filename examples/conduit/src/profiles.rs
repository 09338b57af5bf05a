//! Profiles of users, and following them.

use actix_web::web::{Data, Json, Path};
use palisade::{Problem, authenticated, delete, get, optional_auth, post};

use crate::{caller::Caller, db::Db, error::ApiError, output::ProfileBody};

/// Returns a profile. `following` is false for anonymous callers.
#[get("/profiles/{username}")]
#[optional_auth]
pub async fn show_profile(
    username: Path<String>,
    viewer: Option<Caller>,
    db: Data<Db>,
) -> Result<Json<ProfileBody>, Problem> {
    profile_body(&db, viewer, &username).await
}

/// Follows a user. Following twice is the same as once.
#[post("/profiles/{username}/follow")]
#[authenticated]
pub async fn follow(username: Path<String>, caller: Caller, db: Data<Db>) -> Result<Json<ProfileBody>, Problem> {
    db.follow(caller.id, &username).await?;
    profile_body(&db, Some(caller), &username).await
}

/// Stops following a user.
#[delete("/profiles/{username}/follow")]
#[authenticated]
pub async fn unfollow(username: Path<String>, caller: Caller, db: Data<Db>) -> Result<Json<ProfileBody>, Problem> {
    db.unfollow(caller.id, &username).await?;
    profile_body(&db, Some(caller), &username).await
}

async fn profile_body(db: &Db, viewer: Option<Caller>, username: &str) -> Result<Json<ProfileBody>, Problem> {
    let profile = db.profile(viewer.map(|caller| caller.id), username).await?.ok_or(ApiError::NoSuchUser)?;
    Ok(Json(ProfileBody { profile }))
}
