//! Accounts in SQLite.
//!
//! The threat is SQL injection (CWE-89, OWASP ASVS V1.2.4). Against it, each statement is constant text and each value is bound.
//! `ORDER BY` cannot be bound, so an enum selects one constant statement for each order.

mod api_keys;
mod documents;
mod emails;
mod moment;
mod sessions;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use palisade::resource::Unavailable;
use sqlx::{
    SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    boot::BootError,
    email::Email,
    files::DataFolder,
    model::{Listing, Sort, User, UserPatch},
    reports::Report,
    roles::Role,
};

/// The file name of the database in the data folder.
pub const FILE: &str = "accounts.db";
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

const INSERT: &str = "INSERT INTO users (id, name, email, age, role, password_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    RETURNING id, name, email, age, role, created_at";
const BY_ID: &str = "SELECT id, name, email, age, role, created_at FROM users WHERE id = ?1";
const LOGIN_BY_EMAIL: &str = "SELECT id, role, password_hash FROM users WHERE email = ?1";
const UPDATE: &str = "UPDATE users SET
        name = coalesce(?2, name),
        email = coalesce(?3, email),
        age = CASE WHEN ?4 THEN ?5 ELSE age END,
        role = coalesce(?6, role)
    WHERE id = ?1
    RETURNING id, name, email, age, role, created_at";
/// Applies only if the stored hash is still the verified one: the password may have been changed meanwhile.
const REPLACE_PASSWORD_HASH: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
const ROLE: &str = "SELECT role FROM users WHERE id = ?1";
const COUNT_REPORT: &str =
    "SELECT (SELECT count(*) FROM users) AS accounts, (SELECT count(*) FROM documents) AS documents";
const DELETE: &str = "DELETE FROM users WHERE id = ?1";
const COUNT: &str = "SELECT count(*) FROM users";
const IS_ADMIN: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND role = 'admin')";
const ADMIN_ID_BY_EMAIL: &str = "SELECT id FROM users WHERE email = ?1 AND role = 'admin'";
const ADMIN_EMAILS: &str = "SELECT email FROM users WHERE role = 'admin' ORDER BY created_at, id LIMIT 10";
const RESET_ADMIN_PASSWORD: &str = "UPDATE users SET password_hash = ?2 WHERE id = ?1 AND role = 'admin'";
const HAS_ADMIN: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')";

/// One page in the given order. The last column must be unique, so that no row is repeated or skipped between pages.
macro_rules! page {
    ($order:literal) => {
        concat!("SELECT id, name, email, age, role, created_at FROM users ORDER BY ", $order, " LIMIT ?1 OFFSET ?2")
    };
}

const fn page_sql(sort: Sort) -> &'static str {
    match sort {
        Sort::Name => page!("name COLLATE NOCASE, id"),
        Sort::NameDescending => page!("name COLLATE NOCASE DESC, id DESC"),
        Sort::Email => page!("email"),
        Sort::EmailDescending => page!("email DESC"),
        Sort::CreatedAt => page!("created_at, id"),
        Sort::CreatedAtDescending => page!("created_at DESC, id DESC"),
    }
}

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

/// An error of the database.
#[derive(Debug)]
pub enum DbError {
    /// Another account has this email.
    EmailTaken,
    /// The database is locked, full or unreachable. A later attempt may succeed.
    Unavailable(sqlx::Error),
    /// The program has a bug, or the file is corrupt.
    Failed(sqlx::Error),
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmailTaken => f.write_str("the email is in use"),
            Self::Unavailable(cause) => write!(f, "the database is unavailable: {cause}"),
            Self::Failed(cause) => write!(f, "the database failed: {cause}"),
        }
    }
}

impl std::error::Error for DbError {}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // The only unique columns of `users` are the email and the random id.
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::EmailTaken,
            // SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN; the low byte of an extended code is the primary code.
            sqlx::Error::Database(cause) => match cause.code().and_then(|code| code.parse::<u32>().ok()) {
                Some(code) if matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14) => Self::Unavailable(error),
                _ => Self::Failed(error),
            },
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => Self::Unavailable(error),
            _ => Self::Failed(error),
        }
    }
}

/// Revokes the account's tokens in the transaction that changes its rights. So neither a cancelled request nor a crash can leave
/// the change without the revocation.
async fn revoke_tokens(change: &mut SqliteConnection, issuer: &str, id: &str) -> Result<(), sqlx::Error> {
    let now = moment::micros_after(SystemTime::now()).saturating_add(1);
    sqlx::query(sessions::ADVANCE).bind(issuer).bind(id).bind(now).execute(change).await?;
    Ok(())
}

/// Logs the error and replaces it with [`Unavailable`], the only error that palisade's store traits have.
fn or_unavailable<T>(result: Result<T, sqlx::Error>) -> Result<T, Unavailable> {
    result.map_err(|error| {
        tracing::error!(error = %DbError::from(error), "database query failed");
        Unavailable
    })
}

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Db(SqlitePool);

impl Db {
    /// Opens the database in the data folder, creates it if it is missing, and runs the migrations.
    pub async fn open(folder: &DataFolder) -> Result<Self, BootError> {
        let path = folder.path(FILE);
        let startup_error =
            |cause: &dyn fmt::Display| BootError::file("ACCOUNTS_DATA", &path, "open the database", cause);
        // Created here and not by SQLite, so that its mode is 0600. SQLite gives its journal files the same mode.
        folder.create(FILE, b"")?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await
            .map_err(|error| startup_error(&error))?;
        MIGRATIONS.run(&pool).await.map_err(|error| startup_error(&error))?;
        Ok(Self(pool))
    }

    /// Waits for running statements and closes the database, which writes the journal into the main file.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Creates an account with a random id.
    pub async fn create_account(&self, new: NewAccount<'_>) -> Result<User, DbError> {
        let user = sqlx::query_as(INSERT)
            .bind(Uuid::new_v4().to_string())
            .bind(new.name)
            .bind(new.email.as_str())
            .bind(new.age)
            .bind(new.role)
            .bind(new.password_hash)
            .fetch_one(&self.0)
            .await?;
        Ok(user)
    }

    /// Returns the account with this id.
    pub async fn user_by_id(&self, id: Uuid) -> Result<Option<User>, DbError> {
        Ok(sqlx::query_as(BY_ID).bind(id.to_string()).fetch_optional(&self.0).await?)
    }

    /// Returns the login columns of the account with this email.
    pub async fn login_by_email(&self, email: &Email) -> Result<Option<Login>, DbError> {
        Ok(sqlx::query_as(LOGIN_BY_EMAIL).bind(email.as_str()).fetch_optional(&self.0).await?)
    }

    /// Returns one page and the total number of accounts, both from one snapshot.
    pub async fn page(&self, listing: &Listing) -> Result<(Vec<User>, i64), DbError> {
        let mut snapshot = self.0.begin().await?;
        let total = sqlx::query_scalar(COUNT).fetch_one(&mut *snapshot).await?;
        let items = sqlx::query_as(page_sql(listing.sort))
            .bind(listing.limit)
            .bind(listing.offset)
            .fetch_all(&mut *snapshot)
            .await?;
        snapshot.commit().await?;
        Ok((items, total))
    }

    /// Changes the columns that the patch contains. Returns `None` if the account does not exist.
    ///
    /// If the patch contains a role, the tokens that `issuer` issued to the account are revoked in the same transaction.
    pub async fn update(&self, id: Uuid, patch: &UserPatch, issuer: &str) -> Result<Option<User>, DbError> {
        let mut change = self.0.begin().await?;
        let user = sqlx::query_as(UPDATE)
            .bind(id.to_string())
            .bind(patch.name.as_deref())
            .bind(patch.email.as_ref().map(Email::as_str))
            .bind(patch.age.is_some())
            .bind(patch.age.flatten())
            .bind(patch.role)
            .fetch_optional(&mut *change)
            .await?;
        if patch.role.is_some() && user.is_some() {
            revoke_tokens(&mut change, issuer, &id.to_string()).await?;
        }
        change.commit().await?;
        Ok(user)
    }

    /// Stores a new hash of the same password, with stronger parameters.
    pub async fn replace_password_hash(&self, id: Uuid, verified: &str, renewed: &str) -> Result<(), DbError> {
        sqlx::query(REPLACE_PASSWORD_HASH).bind(id.to_string()).bind(verified).bind(renewed).execute(&self.0).await?;
        Ok(())
    }

    /// Returns the current role of the account, or `None` if the account does not exist.
    pub async fn role(&self, id: &str) -> Result<Option<Role>, DbError> {
        Ok(sqlx::query_scalar(ROLE).bind(id).fetch_optional(&self.0).await?)
    }

    /// Returns the number of accounts and documents.
    pub async fn count_report(&self) -> Result<Report, DbError> {
        Ok(sqlx::query_as(COUNT_REPORT).fetch_one(&self.0).await?)
    }

    /// Deletes an account. Returns whether it existed.
    ///
    /// Its sessions and keys are deleted, and the tokens that `issuer` issued to it are revoked, in the same transaction. The tokens
    /// are revoked even if the result is `false`.
    pub async fn delete(&self, id: Uuid, issuer: &str) -> Result<bool, DbError> {
        let mut change = self.0.begin().await?;
        let done = sqlx::query(DELETE).bind(id.to_string()).execute(&mut *change).await?;
        revoke_tokens(&mut change, issuer, &id.to_string()).await?;
        change.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Returns whether the subject is an administrator now, regardless of the roles in its token.
    pub async fn is_admin(&self, subject: &str) -> Result<bool, DbError> {
        Ok(sqlx::query_scalar(IS_ADMIN).bind(subject).fetch_one(&self.0).await?)
    }

    /// Returns the id of the administrator with this email.
    pub async fn admin_id_by_email(&self, email: &Email) -> Result<Option<String>, DbError> {
        Ok(sqlx::query_scalar(ADMIN_ID_BY_EMAIL).bind(email.as_str()).fetch_optional(&self.0).await?)
    }

    /// Returns the emails of up to ten administrators.
    pub async fn admin_emails(&self) -> Result<Vec<String>, DbError> {
        Ok(sqlx::query_scalar(ADMIN_EMAILS).fetch_all(&self.0).await?)
    }

    /// Sets a new password for an administrator. Returns `false` if the account is no longer an administrator.
    ///
    /// In the same transaction, its sessions in the database are deleted and the tokens that `issuer` issued to it are revoked, even
    /// if the result is `false`.
    pub async fn reset_admin(&self, id: &str, password_hash: &str, issuer: &str) -> Result<bool, DbError> {
        let mut change = self.0.begin().await?;
        let done = sqlx::query(RESET_ADMIN_PASSWORD).bind(id).bind(password_hash).execute(&mut *change).await?;
        sqlx::query(sessions::REMOVE_ALL).bind(id).execute(&mut *change).await?;
        revoke_tokens(&mut change, issuer, id).await?;
        change.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Returns whether the database can be read.
    pub async fn is_readable(&self) -> bool {
        self.has_admin().await.is_ok()
    }

    /// Returns whether there is an administrator.
    pub async fn has_admin(&self) -> Result<bool, DbError> {
        Ok(sqlx::query_scalar(HAS_ADMIN).fetch_one(&self.0).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_and_permanent_errors_are_distinguished() {
        assert!(matches!(DbError::from(sqlx::Error::PoolTimedOut), DbError::Unavailable(_)));
        assert!(matches!(DbError::from(sqlx::Error::Io(std::io::Error::other("gone"))), DbError::Unavailable(_)));
        assert!(matches!(DbError::from(sqlx::Error::RowNotFound), DbError::Failed(_)));
    }

    #[test]
    fn every_order_ends_in_a_unique_column() {
        use Sort::{CreatedAt, CreatedAtDescending, Email, EmailDescending, Name, NameDescending};
        for sort in [Name, NameDescending, Email, EmailDescending, CreatedAt, CreatedAtDescending] {
            let order = page_sql(sort).split("ORDER BY ").nth(1).and_then(|rest| rest.split(" LIMIT").next()).unwrap();
            let last = order.rsplit(", ").next().unwrap().trim_end_matches(" DESC");
            assert!(matches!(last, "id" | "email"), "{sort:?}: {order}");
        }
    }

    type AccountRow = (String, String, Option<i64>, String);

    async fn account_row(pool: &SqlitePool) -> AccountRow {
        sqlx::query_as("SELECT id, email, age, created_at FROM users").fetch_one(pool).await.unwrap()
    }

    /// Runs all migrations on a database that has one account since the first. Returns the account as it was before.
    async fn migrated_database() -> (SqlitePool, AccountRow) {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let mut migrations = MIGRATIONS.iter().map(|migration| migration.sql.clone());
        sqlx::raw_sql(migrations.next().unwrap()).execute(&pool).await.unwrap();
        let insert =
            "INSERT INTO users (id, name, email, age, role) VALUES ('1', 'Ada', 'ada@example.com', 36, 'admin')";
        sqlx::query(insert).execute(&pool).await.unwrap();
        let before = account_row(&pool).await;
        for migration in migrations {
            let mut change = pool.begin().await.unwrap();
            sqlx::raw_sql(migration).execute(&mut *change).await.unwrap();
            change.commit().await.unwrap();
        }
        (pool, before)
    }

    #[actix_web::test]
    async fn accounts_survive_all_migrations() {
        let (pool, before) = migrated_database().await;
        assert_eq!(account_row(&pool).await, before);
    }

    #[actix_web::test]
    async fn migrated_users_keep_their_constraints_and_indexes() {
        let (pool, _) = migrated_database().await;
        sqlx::query("UPDATE users SET role = 'editor'").execute(&pool).await.unwrap();
        assert!(sqlx::query("UPDATE users SET role = 'root'").execute(&pool).await.is_err());
        let same_email = "INSERT INTO users (id, name, email, role) VALUES ('2', 'Eve', 'ada@example.com', 'user')";
        assert!(sqlx::query(same_email).execute(&pool).await.is_err(), "the email is taken");
        let indexes: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users' AND sql IS NOT NULL",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(indexes, 3);
    }
}
