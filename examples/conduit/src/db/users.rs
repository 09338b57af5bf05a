//! Accounts, and which of their tokens are valid.
//!
//! The threat is a token that stays valid after its password was changed, or its account is gone (CWE-613). The guard asks
//! [`Db::check_token`] at each request with a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use palisade::{Principal, authn::AuthError};

use super::{Db, DbError, or_unavailable};
use crate::input::UserChange;

const INSERT: &str = "INSERT INTO users (username, email, password_hash) VALUES (?1, ?2, ?3)
    RETURNING id, username, email, bio, image";
const BY_ID: &str = "SELECT id, username, email, bio, image FROM users WHERE id = ?1";
const LOGIN: &str = "SELECT id, username, email, bio, image, password_hash FROM users WHERE email = ?1";
/// Applies only if the stored hash is still the verified one: the password may have been changed meanwhile.
const REPLACE_HASH: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
const UPDATE: &str = "UPDATE users SET
        username = coalesce(?2, username),
        email = coalesce(?3, email),
        bio = CASE WHEN ?4 THEN ?5 ELSE bio END,
        image = CASE WHEN ?6 THEN ?7 ELSE image END,
        password_hash = coalesce(?8, password_hash),
        tokens_valid_from = CASE WHEN ?8 IS NULL THEN tokens_valid_from ELSE max(tokens_valid_from, ?9) END
    WHERE id = ?1
    RETURNING id, username, email, bio, image";
const TOKENS_VALID_FROM: &str = "SELECT tokens_valid_from FROM users WHERE id = ?1";

/// An account without its password.
#[derive(Debug, sqlx::FromRow)]
pub struct Account {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}

/// An account, and the hash that a login compares with.
#[derive(sqlx::FromRow)]
pub struct StoredLogin {
    #[sqlx(flatten)]
    pub account: Account,
    pub password_hash: String,
}

/// What changes in an account.
pub struct AccountChange<'a> {
    /// The members that the request has, except for the password.
    pub members: &'a UserChange,
    /// A hash of the new password. With it, all tokens that were issued until now are revoked.
    pub password_hash: Option<&'a str>,
}

impl Db {
    pub async fn create_user(&self, username: &str, email: &str, password_hash: &str) -> Result<Account, DbError> {
        Ok(sqlx::query_as(INSERT).bind(username).bind(email).bind(password_hash).fetch_one(&self.0).await?)
    }

    pub async fn account(&self, id: i64) -> Result<Option<Account>, DbError> {
        Ok(sqlx::query_as(BY_ID).bind(id).fetch_optional(&self.0).await?)
    }

    pub async fn login(&self, email: &str) -> Result<Option<StoredLogin>, DbError> {
        Ok(sqlx::query_as(LOGIN).bind(email).fetch_optional(&self.0).await?)
    }

    /// Stores a new hash of the same password.
    pub async fn replace_hash(&self, id: i64, verified: &str, renewed: &str) -> Result<(), DbError> {
        sqlx::query(REPLACE_HASH).bind(id).bind(verified).bind(renewed).execute(&self.0).await?;
        Ok(())
    }

    /// Returns `None` if the account does not exist.
    pub async fn update_user(&self, id: i64, change: AccountChange<'_>) -> Result<Option<Account>, DbError> {
        let AccountChange { members: UserChange { username, email, bio, image, .. }, password_hash } = change;
        let account = sqlx::query_as(UPDATE)
            .bind(id)
            .bind(username)
            .bind(email)
            .bind(bio.is_some())
            .bind(bio.as_ref().and_then(Option::as_ref))
            .bind(image.is_some())
            .bind(image.as_ref().and_then(Option::as_ref))
            .bind(password_hash)
            .bind(micros(SystemTime::now()))
            .fetch_optional(&self.0)
            .await?;
        Ok(account)
    }
}

impl Db {
    /// Rejects a token from before the last change of the password, and one whose account does not exist.
    pub async fn check_token(&self, principal: Principal) -> Result<Principal, AuthError> {
        let valid_from = sqlx::query_scalar(TOKENS_VALID_FROM).bind(principal.subject()).fetch_optional(&self.0).await;
        let valid_from: Option<i64> = or_unavailable(valid_from)?;
        let issued = principal.token().map(|token| micros(token.issued()));
        match (issued, valid_from) {
            (Some(issued), Some(moment)) if issued >= moment => Ok(principal),
            _ => Err(AuthError::Invalid("token_of_old_password_or_account")),
        }
    }
}

/// Microseconds since 1970, rounded: the time in a token is a floating-point number.
fn micros(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(Duration::from_nanos(500));
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
