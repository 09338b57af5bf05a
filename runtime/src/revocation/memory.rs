//! Revocations in the memory of one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;

use super::RevocationStore;
use crate::authn::LONGEST_LEEWAY;
use crate::authn::sweep::Sweep;
use crate::clock::Clock;
use crate::principal::Principal;
use crate::unavailable::Unavailable;

const MAX_ENTRIES: usize = 1_000_000;

/// Revocations in the memory of this process. Clones share them.
///
/// The store holds up to a million ids and as many subjects, with about 200 bytes each. Expired entries make room. A full store
/// rejects a new revocation ([`Unavailable`]) and forgets none.
///
/// Danger: the revocations are lost when the process ends, and other processes do not see them. After a restart, a revoked token
/// is valid again until it expires. Keep the revocations in Redis or in a database if that matters.
#[derive(Clone, Debug)]
pub struct MemoryRevocations(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    /// For an issuer and the id of a revoked token: when the token expires.
    tokens: RevocationTable,
    /// For an issuer and a subject: tokens that were issued before this moment are revoked.
    subjects: RevocationTable,
    longest_lifetime: Duration,
    clock: Clock,
}

#[derive(Debug)]
struct RevocationTable {
    moments: DashMap<(Box<str>, Box<str>), SystemTime>,
    most: usize,
    /// Each request reads this. The length of the map would take all of its locks.
    len: AtomicUsize,
    sweep: Sweep,
}

impl MemoryRevocations {
    /// Creates an empty store, for tokens that live at most 90 days.
    #[must_use]
    pub fn new() -> Self {
        Self::for_lifetimes_up_to(super::LONGEST_LIFETIME)
    }

    /// Creates an empty store, for tokens that live at most this long.
    ///
    /// Danger: a moment of [`revoke_before`](RevocationStore::revoke_before) is forgotten after this time. A token that lives
    /// longer is then valid again.
    #[must_use]
    pub fn for_lifetimes_up_to(longest: Duration) -> Self {
        Self::bounded(longest, MAX_ENTRIES, Clock::system())
    }

    /// Creates an empty store with another clock, for tokens that live at most 90 days.
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        Self::bounded(super::LONGEST_LIFETIME, MAX_ENTRIES, clock.into())
    }

    fn bounded(longest_lifetime: Duration, most: usize, clock: Clock) -> Self {
        Self(Arc::new(Tables {
            tokens: RevocationTable::new(most),
            subjects: RevocationTable::new(most),
            longest_lifetime,
            clock,
        }))
    }

    fn revoked(&self, principal: &Principal) -> bool {
        let Some(token) = principal.token() else { return false };
        let id_is_revoked = token.revocable_ids().any(|id| self.0.tokens.find(principal.issuer(), id).is_some());
        id_is_revoked
            || self
                .0
                .subjects
                .find(principal.issuer(), principal.subject())
                .is_some_and(|moment| token.issued() < moment)
    }
}

impl Default for MemoryRevocations {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationTable {
    fn new(most: usize) -> Self {
        Self { moments: DashMap::new(), most, len: AtomicUsize::new(0), sweep: Sweep::default() }
    }

    fn find(&self, issuer: &str, name: &str) -> Option<SystemTime> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.moments.get(&(Box::from(issuer), Box::from(name))).map(|moment| *moment)
    }

    /// Keeps the later moment. `forgotten` returns `true` for a moment that is no longer needed.
    fn put(
        &self,
        issuer: &str,
        name: &str,
        moment: SystemTime,
        now: SystemTime,
        forgotten: impl Fn(SystemTime) -> bool,
    ) -> Result<(), Unavailable> {
        if self.moments.len() >= self.most {
            if self.sweep.is_due(now) {
                self.moments.retain(|_, moment| !forgotten(*moment));
            }
            if self.moments.len() >= self.most {
                tracing::error!("the store of revocations is full");
                return Err(Unavailable);
            }
        }
        let mut kept = self.moments.entry((issuer.into(), name.into())).or_insert(moment);
        *kept = (*kept).max(moment);
        drop(kept);
        self.len.store(self.moments.len(), Ordering::Release);
        Ok(())
    }
}

impl RevocationStore for MemoryRevocations {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        let now = self.0.clock.wall_time();
        let forgotten = |until: SystemTime| until.checked_add(LONGEST_LEEWAY).is_some_and(|end| end < now);
        self.0.tokens.put(issuer, token, until, now, forgotten)
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        let lives = self.0.longest_lifetime.saturating_add(LONGEST_LEEWAY);
        let now = self.0.clock.wall_time();
        let oldest = now.checked_sub(lives).unwrap_or(UNIX_EPOCH);
        self.0.subjects.put(issuer, subject, moment, now, |moment| moment < oldest)
    }

    async fn is_revoked(&self, principal: &Principal) -> Result<bool, Unavailable> {
        Ok(self.revoked(principal))
    }

    fn is_revoked_now(&self, principal: &Principal) -> Option<bool> {
        Some(self.revoked(principal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Token;

    fn of(subject: &str, id: Option<&str>, issued: u64) -> Principal {
        Principal::new("Bearer", "issuer", subject).with_token(Token {
            id: id.map(Into::into),
            session: None,
            issued: Duration::from_secs(issued),
            expires: Duration::from_secs(issued + 900),
            claims: "{}".into(),
        })
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[actix_web::test]
    async fn one_token_or_all_of_a_subject_are_revoked() {
        let store = MemoryRevocations::new();
        assert_eq!(store.is_revoked_now(&of("ada", Some("1"), 100)), Some(false));
        store.revoke("issuer", "1", at(2_000_000_000)).await.unwrap();
        assert_eq!(store.is_revoked_now(&of("ada", Some("1"), 100)), Some(true));
        assert_eq!(store.is_revoked_now(&of("ada", Some("2"), 100)), Some(false));
        store.revoke("other issuer", "2", at(2_000_000_000)).await.unwrap();
        assert_eq!(
            store.is_revoked_now(&of("ada", Some("2"), 100)),
            Some(false),
            "the revocation is of another issuer"
        );

        store.revoke_before("issuer", "ada", at(500)).await.unwrap();
        store.revoke_before("issuer", "ada", at(400)).await.unwrap();
        for (issued, revoked) in [(499, true), (500, false), (501, false)] {
            assert_eq!(store.is_revoked(&of("ada", None, issued)).await, Ok(revoked), "{issued}");
        }
        assert_eq!(store.is_revoked_now(&of("eve", Some("3"), 100)), Some(false));
    }

    #[actix_web::test]
    async fn full_store_drops_only_expired_entries() {
        let store = MemoryRevocations::bounded(Duration::from_secs(60), 2, Clock::system());
        let soon = SystemTime::now() + Duration::from_secs(600);
        store.revoke("issuer", "over", at(1)).await.unwrap();
        store.revoke("issuer", "1", soon).await.unwrap();
        store.revoke("issuer", "2", soon).await.unwrap();
        assert_eq!(store.revoke("issuer", "3", soon).await, Err(Unavailable));
        for (id, revoked) in [("over", false), ("1", true), ("2", true), ("3", false)] {
            assert_eq!(store.is_revoked_now(&of("ada", Some(id), 100)), Some(revoked), "{id}");
        }
    }
}
