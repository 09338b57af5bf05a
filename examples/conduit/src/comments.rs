//! Comments on articles. Only its author may remove a comment.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path},
};
use palisade::{Owned, Problem, authenticated, delete, get, optional_auth, owner, post, validate};

use crate::{
    caller::Caller,
    db::{Comment, Db},
    error::ApiError,
    input::Remark,
    output::{CommentBody, CommentsBody},
};

/// Returns the comments on an article, the newest first.
#[get("/articles/{slug}/comments")]
#[optional_auth]
pub async fn list_comments(
    slug: Path<String>,
    viewer: Option<Caller>,
    db: Data<Db>,
) -> Result<Json<CommentsBody>, Problem> {
    let comments = db.comments(viewer.map(|caller| caller.id), &slug).await?.ok_or(ApiError::NoSuchArticle)?;
    Ok(Json(CommentsBody { comments }))
}

/// Adds a comment of the caller.
#[post("/articles/{slug}/comments")]
#[authenticated]
#[validate]
pub async fn create_comment(
    slug: Path<String>,
    new: Json<Remark>,
    caller: Caller,
    db: Data<Db>,
) -> Result<Json<CommentBody>, Problem> {
    let comment = db.create_comment(caller.id, &slug, &new.comment.body).await?.ok_or(ApiError::NoSuchArticle)?;
    Ok(Json(CommentBody { comment }))
}

/// Removes a comment of the caller.
#[delete("/articles/{slug}/comments/{id}")]
#[owner(slug, id, of = Comment, deny = 403)]
pub async fn delete_comment(comment: Owned<Comment>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    if db.delete_comment(&comment).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NoSuchComment.into())
    }
}
