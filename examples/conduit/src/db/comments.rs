//! Comments on articles.

use palisade::{
    Resource,
    resource::{OwnerKey, Unavailable},
};

use super::{Db, DbError, or_unavailable};
use crate::output::CommentView;

/// Comments as the viewer `?1` sees them.
macro_rules! comments {
    ($which:literal) => {
        concat!(
            "SELECT c.id, c.created_at, c.updated_at, c.body, u.username, u.bio, u.image,
                EXISTS (SELECT 1 FROM follows WHERE follower = ?1 AND followed = c.author) AS following
            FROM comments c JOIN users u ON u.id = c.author ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO comments (article, author, body) SELECT id, ?2, ?3 FROM articles WHERE slug = ?1
    RETURNING id";
const ROW: &str = "SELECT c.id, c.author FROM comments c JOIN articles a ON a.id = c.article
    WHERE a.slug = ?1 AND c.id = ?2";
const DELETE: &str = "DELETE FROM comments WHERE id = ?1 AND author = ?2";
const BY_ID: &str = comments!("WHERE c.id = ?2");
const OF_ARTICLE: &str =
    comments!("JOIN articles a ON a.id = c.article WHERE a.slug = ?2 ORDER BY c.id DESC LIMIT 1000");
const HAS_ARTICLE: &str = "SELECT EXISTS (SELECT 1 FROM articles WHERE slug = ?1)";

/// The row that the guard loads to compare its author with the caller.
#[derive(Debug, sqlx::FromRow)]
pub struct Comment {
    pub id: i64,
    pub author: i64,
}

/// The slug is part of the identifier, so a comment does not exist under the path of another article.
impl Resource for Comment {
    type Id = (String, i64);
    type Store = Db;

    async fn load(db: &Db, (slug, id): (String, i64)) -> Result<Option<Self>, Unavailable> {
        or_unavailable(sqlx::query_as(ROW).bind(slug).bind(id).fetch_optional(&db.0).await)
    }

    fn owner(&self) -> impl OwnerKey {
        self.author
    }
}

impl Db {
    /// Returns `None` if there is no article with this slug.
    pub async fn create_comment(&self, author: i64, slug: &str, body: &str) -> Result<Option<CommentView>, DbError> {
        let id: Option<i64> =
            sqlx::query_scalar(INSERT).bind(slug).bind(author).bind(body).fetch_optional(&self.0).await?;
        let Some(id) = id else { return Ok(None) };
        Ok(sqlx::query_as(BY_ID).bind(author).bind(id).fetch_optional(&self.0).await?)
    }

    /// Returns the newest comments first, or `None` if there is no article with this slug.
    pub async fn comments(&self, viewer: Option<i64>, slug: &str) -> Result<Option<Vec<CommentView>>, DbError> {
        if !sqlx::query_scalar(HAS_ARTICLE).bind(slug).fetch_one(&self.0).await? {
            return Ok(None);
        }
        Ok(Some(sqlx::query_as(OF_ARTICLE).bind(viewer).bind(slug).fetch_all(&self.0).await?))
    }

    /// Returns whether the author still had it.
    pub async fn delete_comment(&self, comment: &Comment) -> Result<bool, DbError> {
        let done = sqlx::query(DELETE).bind(comment.id).bind(comment.author).execute(&self.0).await?;
        Ok(done.rows_affected() > 0)
    }
}
