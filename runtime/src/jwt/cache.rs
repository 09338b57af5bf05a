//! The cache of verified tokens.
//!
//! Threat: the cached result of one token that is returned for another, and a result that outlives the token or the key
//! (CWE-524, CWE-613). Promise: the whole token is the key of its entry, byte for byte, so two tokens cannot be confused. An
//! entry is valid only within the times of the token, and while the key that verified it is in use. Revocations are still
//! checked on every request. The cache has a bounded size in bytes, and each token is zeroed when it is evicted.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use zeroize::Zeroizing;

use super::key::VerifyingKey;
use crate::principal::Principal;

/// How much memory the verified tokens of one [`Jwt`](crate::Jwt) may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenCache {
    /// About this many bytes. Default: [`TokenCache::DEFAULT`].
    Bytes(u64),
    /// No cache: every token is verified on every request.
    Off,
}

impl TokenCache {
    /// 16 MiB, which holds about 10,000 tokens of usual length.
    pub const DEFAULT: Self = Self::Bytes(16 * 1024 * 1024);
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The result of verifying one token.
pub(super) struct Verified {
    pub(super) principal: Principal,
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) key: Arc<VerifyingKey>,
    /// The index of the key source that has the key.
    pub(super) source: usize,
}

pub(super) struct Entries(Cache<CachedToken, Arc<Verified>, Bytes>);

impl Entries {
    pub(super) fn new(bytes: u64) -> Self {
        const TYPICAL_ENTRY: u64 = 1600;
        let items = usize::try_from(bytes / TYPICAL_ENTRY).unwrap_or(usize::MAX).max(16);
        Self(Cache::with_weighter(items, bytes, Bytes))
    }

    pub(super) fn find(&self, token: &[u8]) -> Option<Arc<Verified>> {
        self.0.get(&PresentedToken(token))
    }

    pub(super) fn remove(&self, token: &[u8]) {
        self.0.remove(&PresentedToken(token));
    }

    pub(super) fn keep(&self, token: &str, verified: Verified) -> Principal {
        let principal = verified.principal.clone();
        self.0.insert(CachedToken(Zeroizing::new(token.as_bytes().to_vec())), Arc::new(verified));
        principal
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("len", &self.0.len()).finish()
    }
}

/// A token in the cache.
struct CachedToken(Zeroizing<Vec<u8>>);

impl Hash for CachedToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl PartialEq for CachedToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice() == other.0.as_slice()
    }
}

impl Eq for CachedToken {}

/// A token that a client presented, for a lookup without a copy. The hash has a random seed, so that an attacker cannot choose
/// tokens that collide.
#[derive(Hash)]
struct PresentedToken<'t>(&'t [u8]);

impl Equivalent<CachedToken> for PresentedToken<'_> {
    fn equivalent(&self, kept: &CachedToken) -> bool {
        self.0 == kept.0.as_slice()
    }
}

/// The size of an entry: the token, the claims that its principal keeps (not longer than the token), and a fixed overhead.
#[derive(Clone)]
struct Bytes;

impl Weighter<CachedToken, Arc<Verified>> for Bytes {
    fn weight(&self, token: &CachedToken, _: &Arc<Verified>) -> u64 {
        const OVERHEAD: u64 = 512;
        u64::try_from(token.0.len()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OVERHEAD)
    }
}
