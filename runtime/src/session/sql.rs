//! Sessions in a database, for several processes, which outlive a restart.
//!
//! Threat: two requests both exchange one refresh token (CWE-362), or a restart forgets that a session has ended (CWE-613).
//! Promise: one statement compares and replaces, so of all processes one succeeds. What a method has confirmed is committed. Of a
//! refresh token only a hash is kept.

use std::sync::Arc;
use std::time::Duration;

use super::{Device, SessionKind, SessionRecord, SessionStore};
use crate::authn::sweep::Sweep;
use crate::clock::Clock;
use crate::sql_store::text::{key, restored, stored};
use crate::sql_store::time::{millis, moment};
use crate::sql_store::{SqlConnection, SqlPool, SqlStore, corrupt, list_from_json, list_to_json, on_database};
use crate::unavailable::Unavailable;

const INSERT: &str = "INSERT INTO palisade_sessions
    (id, subject, scopes, digest, expires, ends, kind, claims, created, last_used, device, place)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const FIND: &str = "SELECT id, subject, scopes, digest, expires, ends, kind, claims, created, last_used, device, place
    FROM palisade_sessions WHERE id = $1";
/// The last ones.
const LIST: &str = "SELECT id, subject, scopes, digest, expires, ends, kind, claims, created, last_used, device, place
    FROM palisade_sessions WHERE subject = $1 ORDER BY created DESC LIMIT 1000";
const REPLACE: &str = "UPDATE palisade_sessions SET digest = $3, scopes = $4, claims = $5, expires = $6, last_used = $7
    WHERE id = $1 AND digest = $2";
const REMOVE: &str = "DELETE FROM palisade_sessions WHERE id = $1";
const REMOVE_ALL: &str = "DELETE FROM palisade_sessions WHERE subject = $1";
const CLEAR: &str = "DELETE FROM palisade_sessions";
const REMOVE_EXPIRED: &str = "DELETE FROM palisade_sessions WHERE id IN
    (SELECT id FROM palisade_sessions WHERE expires <= $1 ORDER BY expires LIMIT 1000)";
/// Rows that another process is removing are left to it.
const REMOVE_EXPIRED_POSTGRES: &str = "DELETE FROM palisade_sessions WHERE id IN
    (SELECT id FROM palisade_sessions WHERE expires <= $1 ORDER BY expires LIMIT 1000 FOR UPDATE SKIP LOCKED)";

/// The columns of [`FIND`] and [`LIST`].
type SessionRow = (String, String, String, Vec<u8>, i64, i64, i64, String, i64, i64, String, String);

/// (Features `sqlx-sqlite`, `sqlx-postgres`.) The sessions of [`Sessions`](crate::session::Sessions) and `CookieSessions` in a database, shared by every process that uses
/// it. They outlive a restart. Clones share everything. [`sql_store`](crate::sql_store) has an example, and creates the table.
///
/// A new session also removes up to 1,000 expired ones, at most once a second for each process, without waiting for it. The number of
/// sessions is not limited otherwise.
///
/// Danger: if the answer to a refresh is lost, the refresh token may be replaced; if the client presents the old one again, its session
/// ends. With `synchronous = NORMAL` of SQLite, or `synchronous_commit = off` of PostgreSQL, a loss of power may undo what
/// happened just before it: a session that has ended may be back.
#[derive(Clone, Debug)]
pub struct SqlSessions {
    store: SqlStore,
    clock: Clock,
    sweep: Arc<Sweep>,
}

impl SqlSessions {
    /// Sessions in this database: a `SqlitePool`, a `PgPool` or a [`SqlPool`].
    #[must_use]
    pub fn new(pool: impl Into<SqlPool>) -> Self {
        Self { store: SqlStore::new(pool.into()), clock: Clock::system(), sweep: Arc::default() }
    }

    /// How long an operation may take. Default: 5 seconds. It affects this value and the clones that are made of it afterwards.
    ///
    /// Danger: with a very short one, operations fail whenever the database is busy. With zero, all do.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.store.set_timeout(timeout);
        self
    }

    /// Sets another clock, which decides which sessions have expired and are removed: the one of the
    /// [`TokenIssuer`](crate::jwt::TokenIssuer).
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Deletes every session of the subject in a transaction of the application, such as the one that deletes the account.
    /// See [`sql_store`](crate::sql_store) for a whole example, and for sessions that begin at the same time.
    ///
    /// # Errors
    ///
    /// The error of the statement. The transaction must then be rolled back.
    pub async fn remove_all_in<'c>(connection: impl Into<SqlConnection<'c>>, subject: &str) -> Result<(), sqlx::Error> {
        remove_all(connection.into(), &stored(subject)).await
    }

    /// Deletes every session of all subjects, such as when another store takes over: a logout there does not reach this one.
    ///
    /// # Errors
    ///
    /// The error of the statement.
    pub async fn clear_in<'c>(connection: impl Into<SqlConnection<'c>>) -> Result<(), sqlx::Error> {
        on_database!(connection.into(), c => sqlx::query(CLEAR).execute(c).await.map(drop))
    }
}

impl SessionStore for SqlSessions {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        self.store.run(session, |connection, session| Box::pin(insert(connection, session))).await?;
        let now = self.clock.wall_time();
        if self.sweep.is_due(now) {
            self.store.run_detached(millis(now), |connection, now| Box::pin(remove_expired(connection, *now)));
        }
        Ok(())
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        let row = self.store.run(key(id).into_owned(), |connection, id| Box::pin(find(connection, id))).await?;
        // A long id is stored as a hash.
        Ok(row.map(record).transpose()?.map(|found| SessionRecord { id: id.to_owned(), ..found }))
    }

    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        let arguments = (*digest, next);
        self.store.run(arguments, |connection, (digest, next)| Box::pin(replace(connection, digest, next))).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        let subject = stored(subject).into_owned();
        let rows = self.store.run(subject, |connection, subject| Box::pin(list(connection, subject))).await?;
        rows.into_iter().map(record).collect()
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.store.run(key(id).into_owned(), |connection, id| Box::pin(remove(connection, id))).await
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        let subject = stored(subject).into_owned();
        self.store.run(subject, |connection, subject| Box::pin(remove_all(connection, subject))).await
    }
}

/// A row that cannot be read must not look like no row.
fn record(row: SessionRow) -> Result<SessionRecord, Unavailable> {
    let (id, subject, scopes, digest, expires, ends, kind, claims, created, last_used, device, place) = row;
    let read = || {
        let times = (moment(expires)?, moment(ends)?);
        let digest = digest.try_into().ok()?;
        Some(SessionRecord {
            kind: kind_of(kind)?,
            claims: restored(claims),
            created: moment(created)?,
            last_used: moment(last_used)?,
            device: Device::new(restored(device), restored(place)),
            ..SessionRecord::restored(id, restored(subject), list_from_json(&scopes)?, digest, times)
        })
    };
    read().ok_or_else(|| corrupt("palisade_sessions"))
}

fn number_of(kind: SessionKind) -> i64 {
    match kind {
        SessionKind::RefreshToken => 0,
        SessionKind::Cookie => 1,
    }
}

fn kind_of(number: i64) -> Option<SessionKind> {
    [SessionKind::RefreshToken, SessionKind::Cookie].into_iter().find(|kind| number_of(*kind) == number)
}

async fn insert(connection: SqlConnection<'_>, session: &SessionRecord) -> Result<(), sqlx::Error> {
    on_database!(connection, c => sqlx::query(INSERT)
        .bind(key(&session.id))
        .bind(stored(&session.subject))
        .bind(list_to_json(&session.scopes))
        .bind(&session.digest[..])
        .bind(millis(session.expires))
        .bind(millis(session.ends))
        .bind(number_of(session.kind))
        .bind(stored(&session.claims))
        .bind(millis(session.created))
        .bind(millis(session.last_used))
        .bind(stored(session.device.label()))
        .bind(stored(session.device.place()))
        .execute(c)
        .await
        .map(drop))
}

async fn find(connection: SqlConnection<'_>, id: &str) -> Result<Option<SessionRow>, sqlx::Error> {
    on_database!(connection, c => sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

async fn list(connection: SqlConnection<'_>, subject: &str) -> Result<Vec<SessionRow>, sqlx::Error> {
    on_database!(connection, c => sqlx::query_as(LIST).bind(subject).fetch_all(c).await)
}

async fn replace(connection: SqlConnection<'_>, digest: &[u8; 32], next: &SessionRecord) -> Result<bool, sqlx::Error> {
    on_database!(connection, c => sqlx::query(REPLACE)
        .bind(key(&next.id))
        .bind(&digest[..])
        .bind(&next.digest[..])
        .bind(list_to_json(&next.scopes))
        .bind(stored(&next.claims))
        .bind(millis(next.expires))
        .bind(millis(next.last_used))
        .execute(c)
        .await
        .map(|done| done.rows_affected() == 1))
}

async fn remove(connection: SqlConnection<'_>, id: &str) -> Result<(), sqlx::Error> {
    on_database!(connection, c => sqlx::query(REMOVE).bind(id).execute(c).await.map(drop))
}

async fn remove_all(connection: SqlConnection<'_>, subject: &str) -> Result<(), sqlx::Error> {
    on_database!(connection, c => sqlx::query(REMOVE_ALL).bind(subject).execute(c).await.map(drop))
}

async fn remove_expired(connection: SqlConnection<'_>, now: i64) -> Result<(), sqlx::Error> {
    let statement = connection.choose(REMOVE_EXPIRED, REMOVE_EXPIRED_POSTGRES);
    on_database!(connection, c => sqlx::query(statement).bind(now).execute(c).await.map(drop))
}
