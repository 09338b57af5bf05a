//! Normalizes email addresses that an older version stored.
//!
//! The threats are an account that a login no longer finds, and a second account for the same mailbox (CWE-178).

use palisade::sql;

use super::{Db, DbError, Pool};
use crate::email::Email;

impl Db {
    /// Normalizes stored addresses. If an address is invalid, or another account has the same mailbox, the id of the account is
    /// logged. An administrator has to change its address.
    ///
    /// No older version used PostgreSQL.
    pub async fn normalize_emails(&self) -> Result<(), DbError> {
        let Pool::Sqlite(pool) = &self.0 else { return Ok(()) };
        // Addresses with non-ASCII characters, with a domain that is not a lower-case host name, or with a final dot.
        let stored: Vec<(String, String)> = sql!(
            "SELECT id, email FROM users WHERE email GLOB '*[^ -~]*' OR email GLOB '*@*[^a-z0-9.-]*' OR email GLOB '*.'"
        )
        .query_as()
        .fetch_all(pool)
        .await?;
        for (account, email) in stored {
            let Ok(email) = Email::parse(&email) else {
                tracing::warn!(account, "the email of this account is not valid, so nobody can log in to it");
                continue;
            };
            let update = sql!("UPDATE users SET email = {email.as_str()} WHERE id = {account}").query();
            match update.execute(pool).await.map_err(DbError::from) {
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
    use crate::in_process::InProcess;

    #[actix_web::test]
    async fn stored_unicode_emails_are_normalized_without_collisions() {
        let InProcess { db, folder: _folder, .. } = InProcess::start(&[]).await;
        let Pool::Sqlite(pool) = &db.0 else { panic!("the default is SQLite") };
        let stored = [
            ("1", "ada@b\u{fc}cher.example"),
            ("2", "bob@xn--bcher-kva.example"),
            ("3", "bob@b\u{fc}cher.example"),
            ("4", "eve@exam\u{ad}ple.com"),
        ];
        for (id, email) in stored {
            let insert = sql!("INSERT INTO users (id, name, email, role) VALUES ({id}, 'N', {email}, 'user')").query();
            insert.execute(pool).await.unwrap();
        }
        db.normalize_emails().await.unwrap();
        let now: Vec<(String, String)> =
            sql!("SELECT id, email FROM users ORDER BY id").query_as().fetch_all(pool).await.unwrap();
        let now: Vec<_> = now.iter().map(|(id, email)| (id.as_str(), email.as_str())).collect();
        assert_eq!(now, [("1", "ada@xn--bcher-kva.example"), stored[1], stored[2], stored[3]]);
        db.close().await;
    }
}
