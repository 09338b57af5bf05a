//! Sessions: short-lived access tokens, renewed by refresh tokens that can be used once; and cookies for pages.
//!
//! Threat: a stolen token that works for weeks, a refresh token that works twice, a logout that does not end anything (CWE-613,
//! CWE-294, RFC 9700 §4.14, ASVS V7.2.1 to V7.4.3).
//!
//! Promise: a refresh token is 256 random bits, is stored only as a hash, and is replaced at each use; of several uses at the same
//! time, one wins. If a used refresh token is used again, its whole session is revoked, including its access tokens. A session ends
//! when it was idle too long, when it is too old, and when it is ended.
//!
//! [`Sessions`] begins, refreshes and ends them; its example shows the whole life of one. The access tokens are those of
//! [`jwt`](crate::jwt), and [`revocation`](crate::revocation) revokes them. `CookieSessions` (feature `cookies`) does the same for cookies,
//! in the same stores.
//!
//! ```
//! use palisade::jwt::TokenIssuer;
//! use palisade::revocation::MemoryRevocations;
//! use palisade::session::{MemorySessions, Sessions};
//!
//! let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", [7; 32])?;
//! let sessions = Sessions::new(issuer, MemorySessions::new(), MemoryRevocations::new());
//! # let _ = sessions;
//! # Ok::<(), palisade::ConfigError>(())
//! ```

mod builder;
#[cfg(feature = "cookies")]
mod cookies;
mod device;
mod ending;
mod error;
mod kept;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod return_path;
mod secret;
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
mod sql;
mod store;
#[cfg(test)]
mod tests;
mod token_pair;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::builder::SessionsBuilder;
#[cfg(feature = "cookies")]
pub use self::cookies::{CookieSessions, CookieSessionsBuilder};
pub use self::device::Device;
pub use self::ending::SessionInfo;
use self::ending::SessionsOfSubject;
pub use self::error::{BeginError, EndError, RefreshError};
pub use self::memory::MemorySessions;
#[cfg(feature = "redis")]
pub use self::redis::RedisSessions;
pub use self::return_path::ReturnPath;
use self::secret::{REFRESH_TOKEN, SessionSecret};
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
pub use self::sql::SqlSessions;
pub use self::store::{SessionKind, SessionRecord, SessionStore};
pub use self::token_pair::TokenPair;
use crate::audit;
use crate::jwt::{Grant, IssueError, JwtBuilder, Set, TokenIssuer};
use crate::principal::Principal;
use crate::revocation::{MemoryRevocations, RevocationStore};
use crate::unavailable::Unavailable;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_IDLE: Duration = DAY.saturating_mul(14);
const DEFAULT_AGE: Duration = DAY.saturating_mul(90);

/// Begins, renews and ends the sessions of one issuer's subjects.
///
/// Cheap to clone; the clones share everything. [`verifier`](Self::verifier) builds the verifier of the access tokens, which
/// queries the revocations on every request.
///
/// ```
/// use std::time::Duration;
/// use palisade::jwt::{Grant, TokenIssuer};
/// use palisade::resource::Unavailable;
/// use palisade::revocation::MemoryRevocations;
/// use palisade::session::{MemorySessions, RefreshError, Sessions};
///
/// # #[actix_web::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = [7; 32];
/// let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?;
/// let sessions = Sessions::new(issuer, MemorySessions::new(), MemoryRevocations::new());
/// let jwt = sessions.verifier().build()?;
///
/// let grant = || Grant::new("u-1", Duration::from_secs(900)).roles(["user"]);
/// let tokens = sessions.begin(&grant()).await?;
/// let principal = jwt.verify(tokens.access_token()).await.expect("a token of our own");
///
/// // The closure grants what the subject may do now.
/// let renewed = sessions.refresh(tokens.refresh_token(), async |_| Ok::<_, Unavailable>(grant())).await?;
/// let again = sessions.refresh(tokens.refresh_token(), async |_| Ok::<_, Unavailable>(grant())).await;
/// assert!(matches!(again, Err(RefreshError::Reused)));
/// assert!(jwt.verify(renewed.access_token()).await.is_err(), "the whole session is over");
/// # let _ = principal;
/// # Ok(()) }
/// ```
pub struct Sessions<S = MemorySessions, R = MemoryRevocations>(Arc<SessionsInner<S, R>>);

struct SessionsInner<S, R> {
    issuer: TokenIssuer,
    store: S,
    revocations: Arc<R>,
    idle: Duration,
    age: Duration,
}

impl<S: SessionStore, R: RevocationStore> Sessions<S, R> {
    /// Sessions with the default lifetimes. The issuer signs the tokens, `store` keeps the sessions, and `revocations` keeps which
    /// access tokens are revoked.
    #[must_use]
    pub fn new(issuer: TokenIssuer, store: S, revocations: R) -> Self {
        let revocations = Arc::new(revocations);
        Self(Arc::new(SessionsInner { issuer, store, revocations, idle: DEFAULT_IDLE, age: DEFAULT_AGE }))
    }

    /// [`new`](Self::new) with other lifetimes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use palisade::jwt::TokenIssuer;
    /// use palisade::revocation::MemoryRevocations;
    /// use palisade::session::{MemorySessions, Sessions};
    ///
    /// # let secret = [7; 32];
    /// let issuer = TokenIssuer::hs256("https://accounts.example", "accounts-api", secret)?;
    /// let sessions = Sessions::builder(issuer, MemorySessions::new(), MemoryRevocations::new())
    ///     .refresh_token_lifetime(Duration::from_secs(3_600))
    ///     .session_lifetime(Duration::from_secs(24 * 3_600))
    ///     .build()?;
    /// # let _ = sessions;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn builder(issuer: TokenIssuer, store: S, revocations: R) -> SessionsBuilder<S, R> {
        SessionsBuilder::new(issuer, store, revocations)
    }

    /// The issuer of the tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.issuer.issuer()
    }

    /// The builder of a verifier for the access tokens, with the revocations.
    ///
    /// If the crypto backend cannot derive the verifying key, [`JwtBuilder::build`] returns an error.
    pub fn verifier(&self) -> JwtBuilder<Set, Set, Set> {
        self.0.issuer.verifier().revocations(Arc::clone(&self.0.revocations))
    }

    /// Begins a session for a subject that was authenticated, and returns the first pair of tokens. Each call begins a new
    /// session (ASVS V7.2.4).
    ///
    /// If the roles were looked up before the subject was authenticated, pass the time of the look-up with [`Grant::as_of`].
    ///
    /// # Errors
    ///
    /// The grant cannot be issued, or the store does not respond.
    pub async fn begin(&self, grant: &Grant) -> Result<TokenPair, BeginError> {
        self.begin_on(Device::default(), grant).await
    }

    /// [`begin`](Self::begin) for a device, which a [list](Self::list) of sessions then shows: `Device::of(&request)`.
    ///
    /// # Errors
    ///
    /// The grant cannot be issued, or the store does not respond.
    pub async fn begin_on(&self, device: Device, grant: &Grant) -> Result<TokenPair, BeginError> {
        let token = SessionSecret::generate(REFRESH_TOKEN).ok_or(BeginError::Issue(IssueError::Unavailable))?;
        let id = token.session_id();
        let now = self.0.issuer.wall_time();
        let pair = self.pair(grant, &id, &token)?;
        let ends = now.checked_add(self.0.age).ok_or(BeginError::Issue(IssueError::Lifetime))?;
        let expires = now.checked_add(self.0.idle).map_or(ends, |expires| expires.min(ends));
        let scopes = grant.granted_scopes().to_vec();
        let mut record = SessionRecord::restored(id, grant.subject(), scopes, token.digest(), (expires, ends));
        record.claims = kept::claims_of(&self.0.issuer, grant, &record, now)?;
        (record.created, record.last_used, record.device) = (now, now, device);
        self.0.store.insert(record).await?;
        Ok(pair)
    }

    /// Exchanges a refresh token for a new pair. The old refresh token is then no longer valid.
    ///
    /// `grant` is called with the session, and returns what its subject may do now. If it returns an error, the refresh token
    /// stays valid. The grant must be for the same subject. A scope that the session did not begin with is left out (RFC 6749
    /// §6): for more scopes, the user must log in again.
    ///
    /// Unless the grant says otherwise, the session keeps how and when the user was [authenticated](Grant::authenticated), [who
    /// acts](Grant::actor) for the user, and the [key](Grant::bound_to) of the client: to end a delegation, begin a new session.
    ///
    /// # Errors
    ///
    /// [`RefreshError`], where `E` is the error type of `grant`. A closure that never fails must still name a type, as in
    /// `Ok::<_, Unavailable>(grant)`. For an invalid token, the client only learns that it is not valid.
    pub async fn refresh<E>(
        &self,
        presented: &str,
        grant: impl AsyncFnOnce(&SessionRecord) -> Result<Grant, E>,
    ) -> Result<TokenPair, RefreshError<E>> {
        // The grant is requested after this instant, so a change of rights from here on revokes the new token.
        let requested = self.0.issuer.since_1970().ok_or(RefreshError::Issue(IssueError::Unavailable))?;
        let token = SessionSecret::parse(REFRESH_TOKEN, presented).ok_or(RefreshError::Unknown)?;
        let id = token.session_id();
        let found = self.0.store.find(&id).await?.filter(|found| found.kind == SessionKind::RefreshToken);
        let record = found.ok_or(RefreshError::Unknown)?;
        let now = self.0.issuer.wall_time();
        if now >= record.expires || now >= record.ends {
            self.0.store.remove(&id).await?;
            return Err(RefreshError::Expired);
        }
        if !token.matches_digest(&record.digest) {
            return Err(self.stolen(&record).await);
        }
        let granted = grant(&record).await.map_err(RefreshError::Rejected)?;
        if granted.subject() != record.subject {
            return Err(RefreshError::Issue(IssueError::Subject));
        }
        let granted = kept::continued(&self.0.issuer, granted, &record, now)?;
        let claims = kept::claims_of(&self.0.issuer, &granted, &record, now)?;
        let next = token.rotate().ok_or(RefreshError::Issue(IssueError::Unavailable))?;
        let pair = self.pair(&granted.within(&record.scopes).no_later_than(requested), &id, &next)?;
        let expires = now.checked_add(self.0.idle).map_or(record.ends, |expires| expires.min(record.ends));
        let renewed = SessionRecord { digest: next.digest(), claims, expires, last_used: now, ..record.clone() };
        if self.0.store.replace(&record.digest, renewed).await? {
            Ok(pair)
        } else {
            // Another request was faster with the same token, or the session ended meanwhile.
            Err(self.stolen(&record).await)
        }
    }

    /// Ends the session of this principal: revokes all access tokens of the session, and its refresh token.
    ///
    /// # Errors
    ///
    /// The principal has no token with a revocable id, or a token of another issuer; or a store does not respond.
    pub async fn end(&self, principal: &Principal) -> Result<(), EndError> {
        let token =
            principal.token().filter(|_| principal.issuer() == self.0.issuer.issuer()).ok_or(EndError::NoToken)?;
        if token.revocable_ids().next().is_none() {
            return Err(EndError::NoToken);
        }
        if let Some(session) = token.session() {
            self.0.store.remove(session).await?;
        }
        for id in token.revocable_ids() {
            // Another token of the session may have been issued later than this one, and lives at most a day.
            let until = token.expires().checked_add(DAY).unwrap_or(token.expires());
            self.0.revocations.revoke(principal.issuer(), id, until).await?;
        }
        Ok(())
    }

    /// Ends every session of the principal's subject, and revokes every access token that was issued to it until now.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, whose subjects are different ones; or a store does not respond.
    pub async fn end_all(&self, principal: &Principal) -> Result<(), EndError> {
        self.of_subjects().end_all(principal).await
    }

    /// Like [`end_all`](Self::end_all), for a subject of this issuer. For administrators.
    ///
    /// Danger: the subject of a principal of another issuer is a different person here. For a caller, use
    /// [`end_all`](Self::end_all).
    ///
    /// # Errors
    ///
    /// A store does not respond. Some sessions may have ended and others not: try again.
    pub async fn end_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        self.of_subjects().end_all_of(subject).await
    }

    /// Revokes every access token that was issued to the subject until now, but keeps its sessions: the next refresh
    /// determines its roles again. Use it for a change of roles that must apply at once (ASVS V8.3.2). Sessions of cookies that began
    /// until now are over.
    ///
    /// # Errors
    ///
    /// The store does not respond. The tokens then stay valid.
    pub async fn renew_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        self.of_subjects().revoke_all_of(subject).await
    }

    /// The sessions of the principal's subject, the last used first, of both kinds. Expired ones are left out.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, or the store does not respond.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<SessionInfo>, EndError> {
        self.of_subjects().list(principal).await
    }

    /// Ends a session of the principal's subject, and returns whether it existed. The session of another subject does not exist here.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, or a store does not respond.
    pub async fn end_one(&self, principal: &Principal, id: &str) -> Result<bool, EndError> {
        self.of_subjects().end_one(principal, id).await
    }

    /// Ends all sessions of the principal's subject but its own one.
    ///
    /// # Errors
    ///
    /// The principal is of another issuer, or a store does not respond: some sessions may have ended and others not.
    pub async fn end_others(&self, principal: &Principal) -> Result<(), EndError> {
        self.of_subjects().end_others(principal).await
    }

    fn of_subjects(&self) -> SessionsOfSubject<'_, S, R> {
        let SessionsInner { issuer, store, revocations, .. } = &*self.0;
        SessionsOfSubject { store, revocations, issuer: issuer.issuer(), clock: issuer.own_clock() }
    }

    /// Ends a session whose refresh token was used twice: two parties have it, and one of them may be a thief.
    async fn stolen<E>(&self, record: &SessionRecord) -> RefreshError<E> {
        audit::refresh_reused(&record.id, &record.subject);
        let until = self.0.issuer.wall_time().checked_add(DAY).unwrap_or(record.ends);
        // The record is removed last: if the revocation fails, a retry still finds the record and revokes the session then.
        let ended = async {
            self.0.revocations.revoke(self.0.issuer.issuer(), &record.id, until).await?;
            self.0.store.remove(&record.id).await
        };
        if ended.await.is_ok() { RefreshError::Reused } else { RefreshError::Unavailable }
    }

    fn pair(&self, grant: &Grant, session: &str, refresh: &SessionSecret) -> Result<TokenPair, IssueError> {
        let expires_in = grant.granted_lifetime().as_secs();
        if grant.granted_lifetime() > DAY {
            return Err(IssueError::Lifetime);
        }
        let access_token = self.0.issuer.issue(&grant.clone().session(session))?;
        Ok(TokenPair { access_token, token_type: grant.token_type(), expires_in, refresh_token: refresh.encode() })
    }
}

impl<S, R> Clone for Sessions<S, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, R> fmt::Debug for Sessions<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("issuer", &self.0.issuer)
            .field("idle", &self.0.idle)
            .field("age", &self.0.age)
            .finish_non_exhaustive()
    }
}
