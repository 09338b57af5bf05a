//! Sessions: short-lived access tokens, renewed by refresh tokens that can be used once.
//!
//! Threat: a stolen token that works for weeks, a refresh token that works twice, a logout that does not end anything (CWE-613,
//! CWE-294, RFC 9700 §4.14, ASVS V7.2.1 to V7.4.3).
//!
//! Promise: a refresh token is 256 random bits, is stored only as a hash, and is replaced at each use; of several uses at the same
//! time, one wins. If a used refresh token is used again, its whole session is revoked, including its access tokens. A session ends
//! when it was idle too long, when it is too old, and when it is ended.
//!
//! [`Sessions`] begins, refreshes and ends them; its example shows the whole life of one. The access tokens are those of
//! [`jwt`](crate::jwt), and [`revocation`](crate::revocation) takes them back.

mod builder;
mod error;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod secret;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use zeroize::Zeroizing;

pub use self::builder::SessionsBuilder;
pub use self::error::{BeginError, EndError, RefreshError};
pub use self::memory::MemorySessions;
#[cfg(feature = "redis")]
pub use self::redis::RedisSessions;
use self::secret::RefreshToken;
pub use self::store::{SessionRecord, SessionStore};
use crate::audit;
use crate::jwt::{Grant, IssueError, JwtBuilder, Set, TokenIssuer, since_epoch};
use crate::principal::Principal;
use crate::revocation::{MemoryRevocations, RevocationStore};
use crate::unavailable::Unavailable;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_IDLE: Duration = DAY.saturating_mul(14);
const DEFAULT_AGE: Duration = DAY.saturating_mul(90);

/// Begins, renews and ends the sessions of one issuer's subjects.
///
/// Cheap to clone; the clones share everything. The verifier of the access tokens is [`verifier`](Self::verifier): it asks the
/// revocations on every request.
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
/// // Who the subject is now, and what it may do now, is asked again.
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
    /// If the crypto backend cannot derive the verifying key, that is a mistake of [`JwtBuilder::build`].
    pub fn verifier(&self) -> JwtBuilder<Set, Set, Set> {
        self.0.issuer.verifier().revocations(Arc::clone(&self.0.revocations))
    }

    /// Begins a session: the first pair of tokens, for somebody who proved who they are. A new session each time (ASVS V7.2.4).
    ///
    /// Where the roles were looked up before that proof was checked, say when with [`Grant::as_of`].
    ///
    /// # Errors
    ///
    /// A grant that can't be issued, or a store that does not answer.
    pub async fn begin(&self, grant: &Grant) -> Result<TokenPair, BeginError> {
        let token = RefreshToken::first().ok_or(BeginError::Issue(IssueError::Unavailable))?;
        let id = token.session_id();
        let now = SystemTime::now();
        let pair = self.pair(grant, &id, &token)?;
        let ends = now.checked_add(self.0.age).ok_or(BeginError::Issue(IssueError::Lifetime))?;
        let record = SessionRecord {
            id,
            subject: grant.subject().to_owned(),
            scopes: grant.granted_scopes().to_vec(),
            digest: token.digest(),
            expires: now.checked_add(self.0.idle).map_or(ends, |expires| expires.min(ends)),
            ends,
        };
        self.0.store.insert(record).await?;
        Ok(pair)
    }

    /// Exchanges a refresh token for a new pair. The old one is used up then.
    ///
    /// `grant` is asked, with the session, what its subject may do now; if it refuses, nothing is used up. It has to grant to
    /// the same subject. A scope that the session did not begin with is left out (RFC 6749 §6): for more, log in again.
    ///
    /// # Errors
    ///
    /// [`RefreshError`], whose `E` is what `grant` refuses with: a closure that refuses nobody says it all the same, as in
    /// `Ok::<_, Unavailable>(grant)`. The client gets no more of it than that the token is not good.
    pub async fn refresh<E>(
        &self,
        presented: &str,
        grant: impl AsyncFnOnce(&SessionRecord) -> Result<Grant, E>,
    ) -> Result<TokenPair, RefreshError<E>> {
        // Whatever the grant is asked for is asked after this, so a change of rights from here on takes the token back.
        let asked = since_epoch().ok_or(RefreshError::Issue(IssueError::Unavailable))?;
        let token = RefreshToken::parse(presented).ok_or(RefreshError::Unknown)?;
        let id = token.session_id();
        let record = self.0.store.find(&id).await?.ok_or(RefreshError::Unknown)?;
        let now = SystemTime::now();
        if now >= record.expires || now >= record.ends {
            self.0.store.remove(&id).await?;
            return Err(RefreshError::Expired);
        }
        if !token.is_of(&record.digest) {
            return Err(self.stolen(&record).await);
        }
        let granted = grant(&record).await.map_err(RefreshError::Refused)?;
        if granted.subject() != record.subject {
            return Err(RefreshError::Issue(IssueError::Subject));
        }
        let next = token.next().ok_or(RefreshError::Issue(IssueError::Unavailable))?;
        let pair = self.pair(&granted.within(&record.scopes).no_later_than(asked), &id, &next)?;
        let expires = now.checked_add(self.0.idle).map_or(record.ends, |expires| expires.min(record.ends));
        if self.0.store.replace(&id, &record.digest, &next.digest(), expires).await? {
            Ok(pair)
        } else {
            // Somebody else was faster with the same token, or the session ended meanwhile.
            Err(self.stolen(&record).await)
        }
    }

    /// Ends the session of this principal: its access token, all others of the session, and its refresh token.
    ///
    /// # Errors
    ///
    /// A principal that came without a token that can be named, or with one of another issuer; a store that does not answer.
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
            // No other token of the session outlives the longest that the issuer gave it; that one may be younger.
            let until = token.expires().checked_add(DAY).unwrap_or(token.expires());
            self.0.revocations.revoke(principal.issuer(), id, until).await?;
        }
        Ok(())
    }

    /// Ends every session of the principal's subject, and takes back every access token that was issued to it until now.
    ///
    /// # Errors
    ///
    /// A principal of another issuer, whose subjects are none of these; a store that does not answer.
    pub async fn end_all(&self, principal: &Principal) -> Result<(), EndError> {
        if principal.issuer() != self.issuer() {
            return Err(EndError::NoToken);
        }
        Ok(self.end_all_of(principal.subject()).await?)
    }

    /// The same for a subject of this issuer, as an administrator does it.
    ///
    /// Danger: the subject of a principal of another issuer is somebody else here; for a caller, use
    /// [`end_all`](Self::end_all).
    ///
    /// # Errors
    ///
    /// A store that does not answer; some sessions may be over then and others not: try again.
    pub async fn end_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        // In this order: what a refresh in between still issues is issued before the moment that takes all back.
        let removed = self.0.store.remove_all(subject).await;
        self.renew_all_of(subject).await?;
        removed
    }

    /// Takes back every access token that was issued to the subject until now, and leaves its sessions: the next refresh asks
    /// what it may do. For a change of roles that has to apply at once (ASVS V8.3.2).
    ///
    /// # Errors
    ///
    /// A store that does not answer; the tokens still count then.
    pub async fn renew_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        // Tokens carry the microsecond of their issue: those of this one are before the next.
        let moment = SystemTime::now().checked_add(Duration::from_micros(1)).ok_or(Unavailable)?;
        self.0.revocations.revoke_before(self.0.issuer.issuer(), subject, moment).await
    }

    /// A token that is not the session's current one: two hold it, so neither goes on.
    async fn stolen<E>(&self, record: &SessionRecord) -> RefreshError<E> {
        audit::refresh_reused(&record.id, &record.subject);
        let until = SystemTime::now().checked_add(DAY).unwrap_or(record.ends);
        // The record goes last: whoever is told to try again finds it, and takes back what could not be taken back now.
        let ended = async {
            self.0.revocations.revoke(self.0.issuer.issuer(), &record.id, until).await?;
            self.0.store.remove(&record.id).await
        };
        if ended.await.is_ok() { RefreshError::Reused } else { RefreshError::Unavailable }
    }

    fn pair(&self, grant: &Grant, session: &str, refresh: &RefreshToken) -> Result<TokenPair, IssueError> {
        let expires_in = grant.granted_lifetime().as_secs();
        if grant.granted_lifetime() > DAY {
            return Err(IssueError::Lifetime);
        }
        let access_token = self.0.issuer.issue(&grant.clone().session(session))?;
        Ok(TokenPair { access_token, token_type: "Bearer", expires_in, refresh_token: refresh.text() })
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

/// What a client gets, in the shape of RFC 6749 §5.1. `Debug` shows no token.
#[derive(Serialize)]
pub struct TokenPair {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(serialize_with = "plainly")]
    refresh_token: Zeroizing<String>,
}

fn plainly<S: serde::Serializer>(token: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token)
}

impl TokenPair {
    /// For `Authorization: Bearer`.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// For [`Sessions::refresh`], once.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        &self.refresh_token
    }

    /// How long the access token is good for, in seconds.
    #[must_use]
    pub fn expires_in(&self) -> u64 {
        self.expires_in
    }
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}
