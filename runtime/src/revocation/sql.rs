//! Revocations in a database, for several processes, which outlive a restart.
//!
//! Threat: a token that one process revoked is accepted by another one, or after a restart (CWE-613).
//! Promise: what a method has confirmed is committed, and each request asks the database. If it does not answer in time, the result is
//! [`Unavailable`]: 503, and never an accepted token. A later moment or end is never replaced by an earlier one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{LONGEST_LIFETIME, RevocationStore};
use crate::authn::LONGEST_LEEWAY;
use crate::authn::sweep::Sweep;
use crate::clock::Clock;
use crate::principal::Principal;
use crate::sql_store::text::key;
use crate::sql_store::time::{micros, micros_after, millis};
use crate::sql_store::{SqlConnection, SqlPool, SqlStore, on_database};
use crate::unavailable::Unavailable;

const REVOKE: &str = "INSERT INTO palisade_revoked_tokens (issuer, id, until) VALUES ($1, $2, $3)
    ON CONFLICT (issuer, id) DO UPDATE SET until = excluded.until WHERE excluded.until > palisade_revoked_tokens.until";
const REVOKE_BEFORE: &str = "INSERT INTO palisade_revoked_subjects (issuer, subject, moment) VALUES ($1, $2, $3)
    ON CONFLICT (issuer, subject) DO UPDATE SET moment = excluded.moment
    WHERE excluded.moment > palisade_revoked_subjects.moment";
const IS_REVOKED: &str = "SELECT EXISTS (SELECT 1 FROM palisade_revoked_tokens WHERE issuer = $1 AND id IN ($2, $3))
    OR EXISTS (SELECT 1 FROM palisade_revoked_subjects WHERE issuer = $1 AND subject = $4 AND moment > $5)";

const FORGET_TOKENS: &str = "DELETE FROM palisade_revoked_tokens WHERE (issuer, id) IN
    (SELECT issuer, id FROM palisade_revoked_tokens WHERE until < $1 ORDER BY until LIMIT 1000)";
const FORGET_SUBJECTS: &str = "DELETE FROM palisade_revoked_subjects WHERE (issuer, subject) IN
    (SELECT issuer, subject FROM palisade_revoked_subjects WHERE moment < $1 ORDER BY moment LIMIT 1000)";
/// Rows that another process is removing are left to it.
const FORGET_TOKENS_POSTGRES: &str = "DELETE FROM palisade_revoked_tokens WHERE (issuer, id) IN
    (SELECT issuer, id FROM palisade_revoked_tokens WHERE until < $1 ORDER BY until LIMIT 1000
    FOR UPDATE SKIP LOCKED)";
const FORGET_SUBJECTS_POSTGRES: &str = "DELETE FROM palisade_revoked_subjects WHERE (issuer, subject) IN
    (SELECT issuer, subject FROM palisade_revoked_subjects WHERE moment < $1 ORDER BY moment LIMIT 1000
    FOR UPDATE SKIP LOCKED)";

/// (Features `sqlx-sqlite`, `sqlx-postgres`.) Revocations in a database, shared by every process that uses it. They outlive a restart.
/// Clones share everything. [`sql_store`](crate::sql_store) has an example, and creates the tables.
///
/// A request with a token needs one query. A revocation also removes up to 1,000 of each kind that are no longer needed, at most
/// once a second for each process, without waiting for it.
///
/// Danger: with `synchronous = NORMAL` of SQLite, or `synchronous_commit = off` of PostgreSQL, a loss of power may undo the last
/// revocations before it.
#[derive(Clone, Debug)]
pub struct SqlRevocations {
    store: SqlStore,
    longest_lifetime: Duration,
    clock: Clock,
    sweep: Arc<Sweep>,
}

impl SqlRevocations {
    /// Revocations in this database, for tokens that live up to 90 days: a `SqlitePool`, a `PgPool` or a [`SqlPool`].
    #[must_use]
    pub fn new(pool: impl Into<SqlPool>) -> Self {
        Self {
            store: SqlStore::new(pool.into()),
            longest_lifetime: LONGEST_LIFETIME,
            clock: Clock::system(),
            sweep: Arc::default(),
        }
    }

    /// How long an operation may take. Default: 5 seconds. It affects this value and the clones that are made of it afterwards.
    ///
    /// Danger: with a very short one, operations fail whenever the database is busy. With zero, all do.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.store.set_timeout(timeout);
        self
    }

    /// Sets the longest lifetime of a token. Default: 90 days. It affects this value and the clones that are made of it
    /// afterwards.
    ///
    /// Danger: a token that lives longer and was revoked with all tokens of its subject is accepted again for the rest of its
    /// lifetime.
    #[must_use]
    pub fn for_lifetimes_up_to(mut self, longest: Duration) -> Self {
        self.longest_lifetime = longest;
        self
    }

    /// Sets another clock, which decides which revocations are no longer needed: the one of the
    /// [`TokenIssuer`](crate::jwt::TokenIssuer).
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// [`revoke_before`](RevocationStore::revoke_before) in a transaction of the application, such as the one that takes a role away:
    /// so a crash cannot leave the change without the revocation. See [`sql_store`](crate::sql_store) for a whole example.
    ///
    /// A token carries the microsecond of its issue. Add one microsecond to the present time, so that tokens of this microsecond are
    /// revoked, too.
    ///
    /// Danger: until the commit, other requests read the old rights, and may issue tokens after the moment. Call
    /// [`Sessions::renew_all_of`](crate::session::Sessions::renew_all_of) after the commit.
    ///
    /// # Errors
    ///
    /// The error of the statement. The transaction must then be rolled back.
    pub async fn revoke_before_in<'c>(
        connection: impl Into<SqlConnection<'c>>,
        issuer: &str,
        subject: &str,
        moment: SystemTime,
    ) -> Result<(), sqlx::Error> {
        write(connection.into(), &RevocationWrite::before(issuer, subject, moment)).await
    }

    async fn write(&self, revocation: RevocationWrite) -> Result<(), Unavailable> {
        self.store.run(revocation, |connection, revocation| Box::pin(write(connection, revocation))).await?;
        let now = self.clock.wall_time();
        if self.sweep.is_due(now) {
            let ago = |age: Duration| now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
            let subjects = self.longest_lifetime.saturating_add(LONGEST_LEEWAY);
            let oldest = (millis(ago(LONGEST_LEEWAY)), micros(ago(subjects)));
            self.store.run_detached(oldest, |connection, oldest| Box::pin(forget(connection, *oldest)));
        }
        Ok(())
    }
}

impl RevocationStore for SqlRevocations {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        let (issuer, name) = (key(issuer).into_owned(), key(token).into_owned());
        self.write(RevocationWrite { statement: REVOKE, issuer, name, time: millis(until) }).await
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        self.write(RevocationWrite::before(issuer, subject, moment)).await
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        let Some(token) = principal.token() else { return Ok(false) };
        let text = |text: &str| key(text).into_owned();
        let look_up = RevocationLookUp {
            issuer: text(principal.issuer()),
            id: token.id().map(text),
            session: token.session().map(text),
            subject: text(principal.subject()),
            issued: micros(token.issued()),
        };
        self.store.run(look_up, |connection, look_up| Box::pin(is_revoked(connection, look_up))).await
    }
}

/// A row to write, in the forms that are stored.
struct RevocationWrite {
    statement: &'static str,
    issuer: String,
    name: String,
    time: i64,
}

impl RevocationWrite {
    fn before(issuer: &str, subject: &str, moment: SystemTime) -> Self {
        let (issuer, name) = (key(issuer).into_owned(), key(subject).into_owned());
        Self { statement: REVOKE_BEFORE, issuer, name, time: micros_after(moment) }
    }
}

/// What a token is looked up by, in the forms that are stored.
struct RevocationLookUp {
    issuer: String,
    id: Option<String>,
    session: Option<String>,
    subject: String,
    issued: i64,
}

async fn write(connection: SqlConnection<'_>, row: &RevocationWrite) -> Result<(), sqlx::Error> {
    on_database!(connection, c => {
        let write = sqlx::query(row.statement).bind(&row.issuer).bind(&row.name).bind(row.time);
        write.execute(c).await.map(drop)
    })
}

async fn is_revoked(connection: SqlConnection<'_>, token: &RevocationLookUp) -> Result<bool, sqlx::Error> {
    on_database!(connection, c => sqlx::query_scalar(IS_REVOKED)
        .bind(&token.issuer)
        .bind(&token.id)
        .bind(&token.session)
        .bind(&token.subject)
        .bind(token.issued)
        .fetch_one(c)
        .await)
}

/// Removes tokens that expired before the first time, in milliseconds, and moments before the second, in microseconds.
async fn forget(connection: SqlConnection<'_>, (tokens, subjects): (i64, i64)) -> Result<(), sqlx::Error> {
    let of_tokens = connection.choose(FORGET_TOKENS, FORGET_TOKENS_POSTGRES);
    let of_subjects = connection.choose(FORGET_SUBJECTS, FORGET_SUBJECTS_POSTGRES);
    on_database!(connection, c => {
        sqlx::query(of_tokens).bind(tokens).execute(&mut *c).await?;
        sqlx::query(of_subjects).bind(subjects).execute(&mut *c).await.map(drop)
    })
}
