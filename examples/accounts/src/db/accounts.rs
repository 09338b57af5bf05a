//! Accounts.
//!
//! The threats are SQL injection (CWE-89, as in [`super`]), and rights that remain after they were taken away: what revokes them is in
//! the transaction that changes them (CWE-613), so that neither a cancelled request nor a crash leaves one without the other.

use std::time::{Duration, SystemTime};

use palisade::api_key::SqlApiKeys;
use palisade::revocation::SqlRevocations;
use palisade::session::SqlSessions;
use palisade::sql;
use uuid::Uuid;

use super::{Db, DbError, on_pool};
use crate::{
    email::Email,
    model::{Listing, Sort, User, UserPatch, timestamp},
    reports::Report,
    roles::Role,
};

/// An account to create.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// The display name.
    pub name: &'a str,
    /// No other account may have it.
    pub email: &'a Email,
    /// In years.
    pub age: Option<i64>,
    /// The role of the account.
    pub role: Role,
    /// `None`: the account cannot log in.
    pub password_hash: Option<&'a str>,
}

/// The columns that a login needs.
#[derive(sqlx::FromRow)]
pub struct Login {
    /// The subject of its tokens.
    #[sqlx(try_from = "String")]
    pub id: Uuid,
    /// The role of its tokens.
    pub role: Role,
    /// `None`: the account cannot log in.
    pub password_hash: Option<String>,
}

/// Tokens of the present microsecond must be revoked, too.
fn revocation_moment() -> SystemTime {
    let now = SystemTime::now();
    now.checked_add(Duration::from_micros(1)).unwrap_or(now)
}

impl Db {
    /// Creates an account with a random id.
    pub async fn create_account(&self, new: NewAccount<'_>) -> Result<User, DbError> {
        let (id, now) = (Uuid::new_v4().to_string(), timestamp(SystemTime::now()));
        let NewAccount { name, email, age, role, password_hash } = new;
        let email = email.as_str();
        let user = on_pool!(self, pool => sql!(
            "INSERT INTO users (id, name, email, age, role, password_hash, created_at)
             VALUES ({id}, {name}, {email}, {age}, {role}, {password_hash}, {now})
             RETURNING id, name, email, age, role, created_at"
        ).query_as().fetch_one(pool).await);
        Ok(user?)
    }

    /// Returns the account with this id.
    pub async fn user_by_id(&self, id: Uuid) -> Result<Option<User>, sqlx::Error> {
        let id = id.to_string();
        on_pool!(self, pool => sql!("SELECT id, name, email, age, role, created_at FROM users WHERE id = {id}")
            .query_as().fetch_optional(pool).await)
    }

    /// Returns the login columns of the account with this email.
    pub async fn login_by_email(&self, email: &Email) -> Result<Option<Login>, sqlx::Error> {
        let email = email.as_str();
        on_pool!(self, pool => sql!("SELECT id, role, password_hash FROM users WHERE email = {email}")
            .query_as().fetch_optional(pool).await)
    }

    /// Returns one page and the total number of accounts, both from one snapshot. The last column of each order is unique, so that no
    /// row is repeated or skipped between pages.
    pub async fn page(&self, listing: &Listing) -> Result<(Vec<User>, i64), sqlx::Error> {
        on_pool!(self, pool => {
            let mut snapshot = pool.begin_with(self.0.begin_snapshot()).await?;
            let total = sql!("SELECT count(*) FROM users").query_scalar().fetch_one(&mut *snapshot).await?;
            let items = sql!(
                "SELECT id, name, email, age, role, created_at FROM users",
                match listing.sort {
                    Sort::Name => "ORDER BY lower(name), id",
                    Sort::NameDescending => "ORDER BY lower(name) DESC, id DESC",
                    Sort::Email => "ORDER BY email",
                    Sort::EmailDescending => "ORDER BY email DESC",
                    Sort::CreatedAt => "ORDER BY created_at, id",
                    Sort::CreatedAtDescending => "ORDER BY created_at DESC, id DESC",
                },
                "LIMIT {listing.limit} OFFSET {listing.offset}"
            ).query_as().fetch_all(&mut *snapshot).await?;
            snapshot.commit().await?;
            Ok((items, total))
        })
    }

    /// Changes the columns that the patch contains. Returns `None` if the account does not exist.
    ///
    /// If the patch contains a role, the tokens that `issuer` issued to the account are revoked in the same transaction.
    pub async fn update(&self, id: Uuid, patch: &UserPatch, issuer: &str) -> Result<Option<User>, DbError> {
        let id = id.to_string();
        let (email, age) = (patch.email.as_ref().map(Email::as_str), patch.age.flatten());
        on_pool!(self, pool => {
            let mut change = pool.begin().await?;
            let user = sql!(
                "UPDATE users SET
                    name = coalesce({patch.name}, name),
                    email = coalesce({email}, email),
                    age = CASE WHEN {patch.age.is_some()} THEN {age} ELSE age END,
                    role = coalesce({patch.role}, role)
                 WHERE id = {id}
                 RETURNING id, name, email, age, role, created_at"
            ).query_as().fetch_optional(&mut *change).await?;
            if patch.role.is_some() && user.is_some() {
                SqlRevocations::revoke_before_in(&mut *change, issuer, &id, revocation_moment()).await?;
            }
            change.commit().await?;
            Ok(user)
        })
    }

    /// Stores a new hash of the same password, with stronger parameters. Changes nothing if the stored hash is no longer the verified
    /// one: the password may have been changed meanwhile.
    pub async fn replace_password_hash(&self, id: Uuid, verified: &str, renewed: &str) -> Result<(), sqlx::Error> {
        let id = id.to_string();
        on_pool!(self, pool => sql!(
            "UPDATE users SET password_hash = {renewed} WHERE id = {id} AND password_hash = {verified}"
        ).query().execute(pool).await.map(drop))
    }

    /// Returns the current role of the account, or `None` if the account does not exist.
    pub async fn role(&self, id: &str) -> Result<Option<Role>, sqlx::Error> {
        on_pool!(self, pool => sql!("SELECT role FROM users WHERE id = {id}").query_scalar().fetch_optional(pool).await)
    }

    /// Returns the number of accounts and documents.
    pub async fn count_report(&self) -> Result<Report, sqlx::Error> {
        on_pool!(self, pool => sql!(
            "SELECT (SELECT count(*) FROM users) AS accounts, (SELECT count(*) FROM documents) AS documents"
        ).query_as().fetch_one(pool).await)
    }

    /// Deletes an account. Returns whether it existed.
    ///
    /// Its documents, sessions and keys are deleted, and the tokens that `issuer` issued to it are revoked, in the same transaction.
    /// The tokens are revoked even if the result is `false`.
    pub async fn delete(&self, id: Uuid, issuer: &str) -> Result<bool, sqlx::Error> {
        let id = id.to_string();
        on_pool!(self, pool => {
            let mut change = pool.begin().await?;
            let done = sql!("DELETE FROM users WHERE id = {id}").query().execute(&mut *change).await?;
            SqlSessions::remove_all_in(&mut *change, &id).await?;
            SqlApiKeys::remove_all_in(&mut *change, &id).await?;
            SqlRevocations::revoke_before_in(&mut *change, issuer, &id, revocation_moment()).await?;
            change.commit().await?;
            Ok(done.rows_affected() > 0)
        })
    }

    /// Returns whether the subject is an administrator now, regardless of the roles in its token.
    pub async fn is_admin(&self, subject: &str) -> Result<bool, sqlx::Error> {
        on_pool!(self, pool => sql!("SELECT EXISTS (SELECT 1 FROM users WHERE id = {subject} AND role = 'admin')")
            .query_scalar().fetch_one(pool).await)
    }

    /// Returns the id of the administrator with this email.
    pub async fn admin_id_by_email(&self, email: &Email) -> Result<Option<String>, sqlx::Error> {
        let email = email.as_str();
        on_pool!(self, pool => sql!("SELECT id FROM users WHERE email = {email} AND role = 'admin'")
            .query_scalar().fetch_optional(pool).await)
    }

    /// Returns the emails of up to ten administrators.
    pub async fn admin_emails(&self) -> Result<Vec<String>, sqlx::Error> {
        on_pool!(self, pool => sql!("SELECT email FROM users WHERE role = 'admin' ORDER BY created_at, id LIMIT 10")
            .query_scalar().fetch_all(pool).await)
    }

    /// Sets a new password for an administrator. Returns `false` if the account is no longer an administrator.
    ///
    /// In the same transaction, its sessions in the database are deleted and the tokens that `issuer` issued to it are revoked, even
    /// if the result is `false`.
    pub async fn reset_admin(&self, id: &str, password_hash: &str, issuer: &str) -> Result<bool, sqlx::Error> {
        on_pool!(self, pool => {
            let mut change = pool.begin().await?;
            let done = sql!("UPDATE users SET password_hash = {password_hash} WHERE id = {id} AND role = 'admin'")
                .query().execute(&mut *change).await?;
            SqlSessions::remove_all_in(&mut *change, id).await?;
            SqlRevocations::revoke_before_in(&mut *change, issuer, id, revocation_moment()).await?;
            change.commit().await?;
            Ok(done.rows_affected() == 1)
        })
    }

    /// Returns whether there is an administrator.
    pub async fn has_admin(&self) -> Result<bool, sqlx::Error> {
        on_pool!(self, pool => sql!("SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')")
            .query_scalar().fetch_one(pool).await)
    }
}
