//! Authenticates the request of a browser by its cookie.
//!
//! Threat: an id that is guessed, or was replaced, or belongs to a session that is over (CWE-287, CWE-613). Promise: the store has a
//! session whose current id has the hash of the presented one, it is neither idle nor too old nor revoked, and its claims are those of the
//! stored subject. Anything else is 401, or 503 if it cannot be known.

use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use actix_web::rt::time::timeout;

use super::{CookieSessions, SCHEME};
use crate::authn::cookies::cookies_named;
use crate::authn::{Attempt, AuthError, Authenticator, Challenge, ChallengeContext, Challenges, REVOKED};
use crate::navigation::is_navigation;
use crate::principal::Principal;
use crate::revocation::RevocationStore;
use crate::session::secret::{COOKIE, SessionSecret};
use crate::session::{SessionKind, SessionRecord, SessionStore};
use crate::settings::RequestState;

const MALFORMED: AuthError = AuthError::Invalid("session_malformed");
const REPLACED: AuthError = AuthError::Invalid("session_replaced");
const CLAIMS: AuthError = AuthError::Invalid("session_claims");
/// Of the idle timeout: the part in which a use is written once.
const PARTS: u32 = 10;
/// The longest time that a request waits until its use is written.
const TOUCH_TIMEOUT: Duration = Duration::from_millis(100);

impl<S: SessionStore, R: RevocationStore> CookieSessions<S, R> {
    async fn authenticate_by(&self, presented: Option<&str>, request: &HttpRequest) -> Result<Principal, AuthError> {
        let secret = presented.and_then(|text| SessionSecret::parse(COOKIE, text)).ok_or(MALFORMED);
        let verdict = match secret {
            Ok(secret) => self.judge(&secret, request).await,
            Err(error) => Err(error),
        };
        // An id that was just replaced may arrive with a request that was sent before: the browser already has the next one. A
        // request in the background may also have overtaken a login.
        if let (Err(error @ AuthError::Invalid(_)), Some(state)) = (&verdict, RequestState::of(request))
            && *error != REPLACED
            && is_navigation(request.head())
        {
            self.remove_cookie(state);
        }
        verdict
    }

    async fn judge(&self, secret: &SessionSecret, request: &HttpRequest) -> Result<Principal, AuthError> {
        let (record, principal) = self.current(secret, self.0.clock.wall_time()).await?;
        // A connection that stays open is checked again and again, which is no use of the session by its user.
        let is_checked_again = RequestState::of(request).is_some_and(|state| state.principal.get().is_some());
        if !is_checked_again {
            self.note_use(record).await;
        }
        Ok(principal)
    }

    /// The session whose current id this is, and its caller, if it is neither over nor revoked.
    pub(super) async fn current(
        &self,
        secret: &SessionSecret,
        now: SystemTime,
    ) -> Result<(SessionRecord, Principal), AuthError> {
        let found = self.0.store.find(&secret.session_id()).await;
        let found = found.map_err(|_| AuthError::Unavailable("session_store"))?;
        let found = found.filter(|record| record.kind == SessionKind::Cookie);
        let record = found.ok_or(AuthError::Invalid("session_unknown"))?;
        if !secret.matches_digest(&record.digest) {
            return Err(REPLACED);
        }
        let over = if now >= record.ends {
            Some("session_expired")
        } else if now >= record.expires {
            Some("session_idle")
        } else {
            None
        };
        if let Some(reason) = over {
            // It is over in any case: it cannot be used again if this fails.
            let _ = self.0.store.remove(&record.id).await;
            return Err(AuthError::Invalid(reason));
        }
        let principal = self.0.claims.read(&record.claims, now)?;
        let session = principal.token().and_then(|token| token.session());
        if principal.subject() != record.subject || session != Some(&record.id) {
            return Err(CLAIMS);
        }
        self.check_revocations(&principal).await?;
        // A session that began at a provider also ends when the provider says so.
        #[cfg(feature = "oauth")]
        if let Some(upstream) = crate::jwt::upstream_principal(&principal)? {
            self.check_revocations(&upstream).await?;
        }
        Ok((record, principal))
    }

    async fn check_revocations(&self, principal: &Principal) -> Result<(), AuthError> {
        let revoked = match self.0.revocations.is_revoked_now(principal) {
            Some(revoked) => revoked,
            None => {
                let asked = self.0.revocations.is_revoked(principal).await;
                asked.map_err(|_| AuthError::Unavailable("revocations"))?
            }
        };
        if revoked { Err(REVOKED) } else { Ok(()) }
    }

    /// Writes that the session was used, unless that was written a short time ago.
    async fn note_use(&self, record: SessionRecord) {
        let now = self.0.clock.wall_time();
        let pause = self.0.idle.checked_div(PARTS).unwrap_or(self.0.idle);
        if now.duration_since(record.last_used).is_ok_and(|since| since < pause) {
            return;
        }
        let (digest, expires) = (record.digest, self.idle_end(now, record.ends));
        let used = SessionRecord { expires, last_used: now, ..record };
        // If the id was replaced, or the session has ended meanwhile, nothing is written.
        if !matches!(timeout(TOUCH_TIMEOUT, self.0.store.replace(&digest, used)).await, Ok(Ok(_))) {
            tracing::warn!("the last use of a session could not be recorded");
        }
    }
}

impl<S: SessionStore, R: RevocationStore> Authenticator for CookieSessions<S, R> {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let mut cookies = cookies_named(request.head(), &self.0.name);
        match (cookies.next(), cookies.next()) {
            (None, _) => Attempt::Absent,
            (Some(value), None) => Attempt::Pending(Box::pin(self.authenticate_by(value, request))),
            // Only one of them can be of this application, and nothing tells which one.
            (Some(_), Some(_)) => Attempt::Done(Err(AuthError::Invalid("session_repeated"))),
        }
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.0.claims.issuer())
    }

    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    // RFC 9110 §11.6.1 requires a challenge in every 401. No registered scheme fits, so a parameter names the cookie.
    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new(SCHEME).with("realm", context.realm()).with("cookie-name", &self.0.name));
    }
}
