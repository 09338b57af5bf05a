//! Normalizes email addresses that an older version stored.
//!
//! The threats are an account that a login no longer finds, and a second account for the same mailbox (CWE-178).

use super::{Db, DbError};
use crate::email::Email;

/// Addresses with non-ASCII characters, with a domain that is not a lower-case host name, or with a final dot.
const POSSIBLY_NOT_NORMALIZED: &str =
    "SELECT id, email FROM users WHERE email GLOB '*[^ -~]*' OR email GLOB '*@*[^a-z0-9.-]*' OR email GLOB '*.'";
const UPDATE_EMAIL: &str = "UPDATE users SET email = ?2 WHERE id = ?1";

impl Db {
    /// Normalizes stored addresses. If an address is invalid, or another account has the same mailbox, the id of the account is
    /// logged. An administrator has to change its address.
    pub async fn normalize_emails(&self) -> Result<(), DbError> {
        let stored: Vec<(String, String)> = sqlx::query_as(POSSIBLY_NOT_NORMALIZED).fetch_all(&self.0).await?;
        for (account, email) in stored {
            let Ok(email) = Email::parse(&email) else {
                tracing::warn!(account, "the email of this account is not valid, so nobody can log in to it");
                continue;
            };
            match sqlx::query(UPDATE_EMAIL)
                .bind(&account)
                .bind(email.as_str())
                .execute(&self.0)
                .await
                .map_err(DbError::from)
            {
                Ok(_) => {}
                Err(DbError::EmailTaken) => {
                    tracing::warn!(account, "another account has the same mailbox, so nobody can log in to this one");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::DataFolder;

    #[actix_web::test]
    async fn stored_unicode_emails_are_normalized_without_collisions() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&DataFolder::open(folder.path()).unwrap()).await.unwrap();
        let stored = [
            ("1", "ada@b\u{fc}cher.example"),
            ("2", "bob@xn--bcher-kva.example"),
            ("3", "bob@b\u{fc}cher.example"),
            ("4", "eve@exam\u{ad}ple.com"),
        ];
        for (id, email) in stored {
            let insert = "INSERT INTO users (id, name, email, role) VALUES (?1, 'N', ?2, 'user')";
            sqlx::query(insert).bind(id).bind(email).execute(&db.0).await.unwrap();
        }
        db.normalize_emails().await.unwrap();
        let now: Vec<(String, String)> =
            sqlx::query_as("SELECT id, email FROM users ORDER BY id").fetch_all(&db.0).await.unwrap();
        let now: Vec<_> = now.iter().map(|(id, email)| (id.as_str(), email.as_str())).collect();
        assert_eq!(now, [("1", "ada@xn--bcher-kva.example"), stored[1], stored[2], stored[3]]);
        db.close().await;
    }
}
