//! The sessions of one subject: listed, and ended.
//!
//! Threat: a user who cannot see or end a session of a thief (ASVS V7.5.2), or who can end that of another user (CWE-639). Promise: each
//! function takes the caller, and reaches only the sessions of the caller's subject, of both kinds. A session that has ended is removed,
//! and its access tokens are revoked.

use std::time::{Duration, SystemTime};

use super::{DAY, Device, EndError, SessionKind, SessionRecord, SessionStore};
use crate::clock::Clock;
use crate::principal::Principal;
use crate::revocation::RevocationStore;
use crate::unavailable::Unavailable;

/// How many lists are ended at once. A list has 1,000 sessions, or all.
const MOST_LISTS: usize = 1_000;

/// A session as its user sees it in a list. It contains no usable credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    record: SessionRecord,
    current: bool,
}

impl SessionInfo {
    /// Its id, for `end_one`. It is not secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// What its client holds.
    #[must_use]
    pub fn kind(&self) -> SessionKind {
        self.record.kind
    }

    /// Whether it is the session of the caller who asked for the list.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.current
    }

    /// Where it began. Its texts are those of the client: escape them where they are shown.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.record.device
    }

    /// When it began.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.record.created
    }

    /// When it was used last: for a cookie exact to a tenth of the idle timeout, for a refresh token the last refresh.
    #[must_use]
    pub fn last_used(&self) -> SystemTime {
        self.record.last_used
    }

    /// When it ends if it is not used any more.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.record.expires
    }
}

/// The sessions of one issuer's subjects.
pub(super) struct SessionsOfSubject<'s, S, R> {
    pub(super) store: &'s S,
    pub(super) revocations: &'s R,
    pub(super) issuer: &'s str,
    /// It is read when the moment matters: a token may be issued while a store is asked.
    pub(super) clock: &'s Clock,
}

impl<S: SessionStore, R: RevocationStore> SessionsOfSubject<'_, S, R> {
    /// Subjects of another issuer are different ones.
    fn subject<'p>(&self, principal: &'p Principal) -> Result<&'p str, EndError> {
        if principal.issuer() == self.issuer { Ok(principal.subject()) } else { Err(EndError::NoToken) }
    }

    pub(super) async fn list(&self, principal: &Principal) -> Result<Vec<SessionInfo>, EndError> {
        let own = principal.token().and_then(|token| token.session());
        let mut sessions = self.store.list(self.subject(principal)?).await?;
        let now = self.clock.wall_time();
        sessions.retain(|session| now < session.expires && now < session.ends);
        sessions.sort_by(|one, other| other.last_used.cmp(&one.last_used).then_with(|| one.id.cmp(&other.id)));
        let info = |record: SessionRecord| SessionInfo { current: own == Some(&record.id), record };
        Ok(sessions.into_iter().map(info).collect())
    }

    pub(super) async fn end_one(&self, principal: &Principal, id: &str) -> Result<bool, EndError> {
        let subject = self.subject(principal)?;
        match self.store.find(id).await?.filter(|found| found.subject == subject) {
            Some(session) => {
                self.end(&session).await?;
                Ok(self.clock.wall_time() < session.expires)
            }
            None => Ok(false),
        }
    }

    pub(super) async fn end_others(&self, principal: &Principal) -> Result<(), EndError> {
        let subject = self.subject(principal)?;
        let own = principal.token().and_then(|token| token.session());
        for _ in 0..MOST_LISTS {
            let mut others = self.store.list(subject).await?;
            others.retain(|session| own != Some(&session.id));
            if others.is_empty() {
                return Ok(());
            }
            for session in others {
                self.end(&session).await?;
            }
        }
        Err(EndError::Unavailable)
    }

    /// The record is removed last: if the revocation fails, a retry still finds it.
    async fn end(&self, session: &SessionRecord) -> Result<(), Unavailable> {
        // A cookie is looked up at each request. An access token of a session of refresh tokens lives at most a day.
        if session.kind == SessionKind::RefreshToken {
            let until = self.clock.wall_time().checked_add(DAY).unwrap_or(session.ends);
            self.revocations.revoke(self.issuer, &session.id, until).await?;
        }
        self.store.remove(&session.id).await
    }

    pub(super) async fn end_all(&self, principal: &Principal) -> Result<(), EndError> {
        Ok(self.end_all_of(self.subject(principal)?).await?)
    }

    pub(super) async fn end_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        // In this order: tokens that a concurrent refresh still issues are issued before the moment of the revocation.
        let removed = self.store.remove_all(subject).await;
        self.revoke_all_of(subject).await?;
        removed
    }

    pub(super) async fn revoke_all_of(&self, subject: &str) -> Result<(), Unavailable> {
        // Tokens carry the microsecond of their issue. Tokens of the current microsecond must be revoked, too.
        let moment = self.clock.wall_time().checked_add(Duration::from_micros(1)).ok_or(Unavailable)?;
        self.revocations.revoke_before(self.issuer, subject, moment).await
    }
}
