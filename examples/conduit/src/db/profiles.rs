//! Profiles, and who follows whom.

use super::{Db, DbError};
use crate::output::Profile;

const BY_NAME: &str = "SELECT username, bio, image,
        EXISTS (SELECT 1 FROM follows WHERE follower = ?1 AND followed = users.id) AS following
    FROM users WHERE username = ?2";
const FOLLOW: &str = "INSERT INTO follows (follower, followed) SELECT ?1, id FROM users WHERE username = ?2
    ON CONFLICT DO NOTHING";
const UNFOLLOW: &str =
    "DELETE FROM follows WHERE follower = ?1 AND followed = (SELECT id FROM users WHERE username = ?2)";

impl Db {
    /// Returns the profile as `viewer` sees it.
    pub async fn profile(&self, viewer: Option<i64>, username: &str) -> Result<Option<Profile>, DbError> {
        Ok(sqlx::query_as(BY_NAME).bind(viewer).bind(username).fetch_optional(&self.0).await?)
    }

    /// Changes nothing if there is no user with this name.
    pub async fn follow(&self, follower: i64, username: &str) -> Result<(), DbError> {
        sqlx::query(FOLLOW).bind(follower).bind(username).execute(&self.0).await?;
        Ok(())
    }

    /// Changes nothing if there is no user with this name.
    pub async fn unfollow(&self, follower: i64, username: &str) -> Result<(), DbError> {
        sqlx::query(UNFOLLOW).bind(follower).bind(username).execute(&self.0).await?;
        Ok(())
    }
}
