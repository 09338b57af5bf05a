//! Sessions and revocations in SQLite.
//!
//! The threats are a refresh token that two concurrent requests exchange (CWE-362: a single statement compares and replaces),
//! and a logout that is lost by a restart (CWE-613: it is written before the response).

use std::time::{Duration, SystemTime};

use palisade::Principal;
use palisade::resource::Unavailable;
use palisade::revocation::RevocationStore;
use palisade::session::{SessionRecord, SessionStore};

use super::{
    Db,
    moment::{ago, micros, micros_after, millis, moment},
    or_unavailable,
};

const INSERT: &str =
    "INSERT INTO sessions (id, subject, scopes, secret, expires, ends) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const FORGET_EXPIRED: &str = "DELETE FROM sessions WHERE expires < ?1";
const FIND: &str = "SELECT subject, scopes, secret, expires, ends FROM sessions WHERE id = ?1";
const REPLACE: &str = "UPDATE sessions SET secret = ?3, expires = ?4 WHERE id = ?1 AND secret = ?2";
const REMOVE: &str = "DELETE FROM sessions WHERE id = ?1";
pub(super) const REMOVE_ALL: &str = "DELETE FROM sessions WHERE subject = ?1";
const REMOVE_EVERY: &str = "DELETE FROM sessions";

const REVOKE: &str = "INSERT INTO revoked (issuer, token, until) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET until = max(until, excluded.until)";
const FORGET_REVOKED: &str = "DELETE FROM revoked WHERE until < ?1";
pub(super) const ADVANCE: &str = "INSERT INTO epochs (issuer, subject, moment) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET moment = max(moment, excluded.moment)";
const IS_REVOKED: &str = "SELECT EXISTS (SELECT 1 FROM revoked WHERE issuer = ?1 AND token IN (?2, ?3))
    OR EXISTS (SELECT 1 FROM epochs WHERE issuer = ?1 AND subject = ?4 AND moment > ?5)";

/// The longest leeway of a verifier.
const LEEWAY: Duration = Duration::from_secs(60);

impl Db {
    /// Ends all sessions in the database. Needed when another store takes over, because logouts there do not reach this one.
    pub async fn forget_sessions(&self) -> Result<(), Unavailable> {
        or_unavailable(sqlx::query(REMOVE_EVERY).execute(&self.0).await).map(|_| ())
    }
}

impl SessionStore for Db {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        or_unavailable(sqlx::query(FORGET_EXPIRED).bind(ago(Duration::ZERO)).execute(&self.0).await)?;
        let insert = sqlx::query(INSERT)
            .bind(&session.id)
            .bind(&session.subject)
            .bind(session.scopes.join(" "))
            .bind(&session.digest[..])
            .bind(millis(session.expires))
            .bind(millis(session.ends));
        match insert.execute(&self.0).await {
            // The account was deleted meanwhile. That also revoked the access token, so there is no session to store.
            Err(sqlx::Error::Database(cause)) if cause.is_foreign_key_violation() => Ok(()),
            inserted => or_unavailable(inserted).map(|_| ()),
        }
    }

    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        let row: Option<(String, String, Vec<u8>, i64, i64)> =
            or_unavailable(sqlx::query_as(FIND).bind(id).fetch_optional(&self.0).await)?;
        let record = |(subject, scopes, secret, expires, ends): (String, String, Vec<u8>, i64, i64)| {
            let scopes = scopes.split_whitespace().map(str::to_owned).collect();
            let secret = secret.try_into().ok()?;
            Some(SessionRecord::restored(id, subject, scopes, secret, (moment(expires), moment(ends))))
        };
        Ok(row.and_then(record))
    }

    async fn replace(
        &self,
        id: &str,
        secret: &[u8; 32],
        next: &[u8; 32],
        expires: SystemTime,
    ) -> Result<bool, Unavailable> {
        let replace = sqlx::query(REPLACE).bind(id).bind(&secret[..]).bind(&next[..]).bind(millis(expires));
        or_unavailable(replace.execute(&self.0).await).map(|done| done.rows_affected() == 1)
    }

    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        or_unavailable(sqlx::query(REMOVE).bind(id).execute(&self.0).await).map(|_| ())
    }

    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        or_unavailable(sqlx::query(REMOVE_ALL).bind(subject).execute(&self.0).await).map(|_| ())
    }
}

impl RevocationStore for Db {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        or_unavailable(sqlx::query(FORGET_REVOKED).bind(ago(LEEWAY)).execute(&self.0).await)?;
        let revoke = sqlx::query(REVOKE).bind(issuer).bind(token).bind(millis(until));
        or_unavailable(revoke.execute(&self.0).await).map(|_| ())
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        let advance = sqlx::query(ADVANCE).bind(issuer).bind(subject).bind(micros_after(moment));
        or_unavailable(advance.execute(&self.0).await).map(|_| ())
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        let Some(token) = principal.token() else { return Ok(false) };
        let query = sqlx::query_scalar(IS_REVOKED)
            .bind(principal.issuer())
            .bind(token.id())
            .bind(token.session())
            .bind(principal.subject())
            .bind(micros(token.issued()));
        or_unavailable(query.fetch_one(&self.0).await)
    }
}
