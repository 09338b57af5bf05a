//! Who signs in at a provider, and which account is theirs.
//!
//! The threat is an account that somebody else takes over with the same email at another provider (CWE-287): an account is found by the
//! issuer and the subject of the identity, and never by an email. An email that another account has is an error.

use std::time::SystemTime;

use palisade::sql;
use uuid::Uuid;

use super::{Db, DbError, NewAccount, accounts::Login, on_pool};
use crate::model::timestamp;

impl Db {
    /// Returns the login columns of the account of this identity.
    pub async fn login_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<Login>, sqlx::Error> {
        on_pool!(self, pool => sql!(
            "SELECT users.id, users.role, users.password_hash FROM identities JOIN users ON users.id = identities.account
             WHERE identities.issuer = {issuer} AND identities.subject = {subject}"
        ).query_as().fetch_optional(pool).await)
    }

    /// Creates an account for this identity and returns it. If another request has just created one for the same identity, such as that of
    /// a second tab, it returns that one.
    pub async fn create_account_of(&self, new: NewAccount<'_>, issuer: &str, subject: &str) -> Result<Login, DbError> {
        let created = self.try_create_account_of(new, issuer, subject).await;
        match self.login_by_identity(issuer, subject).await? {
            Some(account) => Ok(account),
            None => Err(created.err().unwrap_or_else(|| sqlx::Error::RowNotFound.into())),
        }
    }

    async fn try_create_account_of(&self, new: NewAccount<'_>, issuer: &str, subject: &str) -> Result<(), DbError> {
        let (id, now) = (Uuid::new_v4().to_string(), timestamp(SystemTime::now()));
        let NewAccount { name, email, age, role, password_hash } = new;
        let email = email.as_str();
        on_pool!(self, pool => {
            let mut creation = pool.begin().await?;
            sql!(
                "INSERT INTO users (id, name, email, age, role, password_hash, created_at)
                 VALUES ({id}, {name}, {email}, {age}, {role}, {password_hash}, {now})"
            ).query().execute(&mut *creation).await?;
            sql!("INSERT INTO identities (issuer, subject, account) VALUES ({issuer}, {subject}, {id})")
                .query().execute(&mut *creation).await?;
            creation.commit().await?;
        });
        Ok(())
    }
}
