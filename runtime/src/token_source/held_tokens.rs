//! Many tokens that are held, each for one token of a caller.
//!
//! Threat: memory that grows with the number of callers (CWE-770), and a request that is begun a second time because it was forgotten among many.
//! Promise: at most a thousand tokens are held. For another one, the place of the one that was used least recently is taken. The
//! place of a token whose request is on its way is never taken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::held::HeldToken;
use crate::authn::digest::Digest;
use crate::clock::Tick;

/// How many tokens are held.
const MOST: usize = 1_000;

/// Each with the time of its last use.
#[derive(Default)]
pub(super) struct HeldTokens(Mutex<HashMap<Digest, (Tick, HeldToken)>>);

impl HeldTokens {
    /// The token that is held for the one with this digest. `None` if there is no place, because all are being requested.
    pub(super) fn of(&self, digest: Digest, now: Tick) -> Option<HeldToken> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((used, held)) = all.get_mut(&digest) {
            *used = now;
            return Some(held.clone());
        }
        if all.len() >= MOST {
            let at_rest = all.iter().filter(|(_, (_, held))| !held.is_requested());
            let oldest = *at_rest.min_by_key(|(_, (used, _))| *used)?.0;
            all.remove(&oldest);
        }
        let held = HeldToken::default();
        all.insert(digest, (now, held.clone()));
        Some(held)
    }

    /// The token that is held for the one with this digest, if there is one.
    pub(super) fn known(&self, digest: &Digest) -> Option<HeldToken> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(digest).map(|(_, held)| held.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::super::TokenError;
    use super::super::held::Issued;
    use super::*;
    use crate::authn::digest::sha256;
    use crate::clock::Clock;

    #[actix_web::test]
    async fn places_are_bounded_and_that_of_a_request_is_never_taken() {
        let (all, clock) = (HeldTokens::default(), Clock::system());
        let digest = |number: u64| sha256(&number.to_be_bytes());
        let request = async |held: HeldToken| {
            let longest = Duration::from_secs(60);
            assert!(held.token(&clock, longest, pending::<Result<Issued, TokenError>>).now_or_never().is_none());
        };
        request(all.of(digest(0), Tick::from_nanos(0)).unwrap()).await;
        for number in 1..3_000 {
            assert!(all.of(digest(number), Tick::from_nanos(number)).is_some());
        }
        assert_eq!(all.0.lock().unwrap().len(), MOST);
        assert!(all.of(digest(0), Tick::from_nanos(3_000)).unwrap().is_requested());
        assert!(!all.of(digest(2_999), Tick::from_nanos(3_000)).unwrap().is_requested());
        let held: Vec<_> = all.0.lock().unwrap().values().map(|(_, held)| held.clone()).collect();
        for held in held {
            request(held).await;
        }
        assert!(all.of(digest(3_000), Tick::from_nanos(3_001)).is_none(), "there is no place");
    }
}
