//! Revocations in the memory of one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dashmap::DashMap;

use super::RevocationStore;
use super::name::{NameParts, RevokedName};
use crate::authn::LONGEST_LEEWAY;
use crate::authn::sweep::Sweep;
use crate::clock::Clock;
use crate::principal::{Principal, Token};
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
    /// Changes after each revocation, to a number that no store of the process had before. A token that was not revoked is not
    /// looked up again before the next revocation.
    state: AtomicU64,
    longest_lifetime: Duration,
    clock: Clock,
}

#[derive(Debug)]
struct RevocationTable {
    moments: DashMap<RevokedName, SystemTime>,
    most: usize,
    /// `true` since the first entry, for ever: a look-up in a table that never had one takes no lock.
    used: AtomicBool,
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
            state: AtomicU64::new(unique_state()),
            longest_lifetime,
            clock,
        }))
    }

    fn put_token(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        let now = self.0.clock.wall_time();
        let forgotten = |until: SystemTime| until.checked_add(LONGEST_LEEWAY).is_some_and(|end| end < now);
        self.0.tokens.put(issuer, token, until, now, forgotten)?;
        self.0.changed();
        Ok(())
    }

    fn revoked(&self, principal: &Principal) -> bool {
        let Some(token) = principal.token() else { return false };
        // Read before the tables: if a revocation comes in between, the state that is remembered is already an old one.
        let state = self.0.state.load(Ordering::Acquire);
        if token.last_check.was_in(state) {
            return false;
        }
        let revoked = self.0.revoked(principal, token);
        if !revoked {
            token.last_check.remember(state);
        }
        revoked
    }
}

impl Tables {
    fn revoked(&self, principal: &Principal, token: &Token) -> bool {
        let issuer = principal.issuer();
        let moment = || self.subjects.find(issuer, principal.subject());
        token.revocable_ids().any(|id| self.tokens.find(issuer, id).is_some())
            || moment().is_some_and(|moment| token.issued() < moment)
    }

    /// Called when a revocation is in its table, and before it is confirmed.
    fn changed(&self) {
        self.state.fetch_max(unique_state(), Ordering::AcqRel);
    }
}

fn unique_state() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::AcqRel).wrapping_add(1)
}

impl Default for MemoryRevocations {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationTable {
    fn new(most: usize) -> Self {
        Self { moments: DashMap::new(), most, used: AtomicBool::new(false), sweep: Sweep::default() }
    }

    fn find(&self, issuer: &str, name: &str) -> Option<SystemTime> {
        if !self.used.load(Ordering::Acquire) {
            return None;
        }
        self.moments.get(&(issuer, name) as &dyn NameParts).map(|moment| *moment)
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
        self.used.store(true, Ordering::Release);
        let mut kept = self.moments.entry(RevokedName::new(issuer, name)).or_insert(moment);
        *kept = (*kept).max(moment);
        Ok(())
    }
}

impl RevocationStore for MemoryRevocations {
    async fn revoke(&self, issuer: &str, token: &str, until: SystemTime) -> Result<(), Unavailable> {
        self.put_token(issuer, token, until)
    }

    async fn revoke_before(&self, issuer: &str, subject: &str, moment: SystemTime) -> Result<(), Unavailable> {
        let lives = self.0.longest_lifetime.saturating_add(LONGEST_LEEWAY);
        let now = self.0.clock.wall_time();
        let oldest = now.checked_sub(lives).unwrap_or(UNIX_EPOCH);
        self.0.subjects.put(issuer, subject, moment, now, |moment| moment < oldest)?;
        self.0.changed();
        Ok(())
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
    use crate::principal::LastCheck;

    fn of(subject: &str, id: Option<&str>, issued: u64) -> Principal {
        Principal::new("Bearer", "issuer", subject).with_token(Token {
            id: id.map(Into::into),
            session: None,
            issued: Duration::from_secs(issued),
            expires: Duration::from_secs(issued + 900),
            claims: "{}".into(),
            last_check: LastCheck::default(),
            #[cfg(feature = "oauth")]
            last_resource: LastCheck::default(),
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
    async fn known_token_is_revoked_at_once() {
        let (store, other) = (MemoryRevocations::new(), MemoryRevocations::new());
        let principals = [of("ada", Some("1"), 100), of("ada", Some("2"), 100), of("eve", Some("3"), 100)];
        let revoked =
            |store: &MemoryRevocations| principals.clone().map(|own| store.is_revoked_now(&own) == Some(true));
        for _ in 0..2 {
            assert_eq!(revoked(&store), [false; 3]);
        }
        store.revoke("issuer", "1", at(2_000_000_000)).await.unwrap();
        assert_eq!(revoked(&store), [true, false, false]);
        assert_eq!(revoked(&other), [false; 3], "each store decides by its own entries");
        assert_eq!(revoked(&store), [true, false, false]);
        store.clone().revoke_before("issuer", "ada", at(500)).await.unwrap();
        assert_eq!(revoked(&store), [true, true, false]);
        assert_eq!(revoked(&other), [false; 3]);
    }

    #[test]
    fn token_that_is_checked_meanwhile_is_revoked() {
        let (store, soon) = (MemoryRevocations::new(), SystemTime::now() + Duration::from_secs(600));
        for round in 0..300 {
            let id = round.to_string();
            let principal = of("ada", Some(&id), 100);
            let (checking, done) = (AtomicBool::new(false), AtomicBool::new(false));
            std::thread::scope(|threads| {
                threads.spawn(|| {
                    checking.store(true, Ordering::Release);
                    while !done.load(Ordering::Acquire) {
                        store.is_revoked_now(&principal);
                    }
                    assert_eq!(store.is_revoked_now(&principal), Some(true), "{id}");
                });
                while !checking.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                store.put_token("issuer", &id, soon).unwrap();
                done.store(true, Ordering::Release);
            });
        }
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
