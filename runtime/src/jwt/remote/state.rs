//! The state of one remote key set.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::GRACE;
use super::fetch::Fetcher;
use crate::clock::Tick;
use crate::jwt::key_set::KeySet;
use crate::outgoing::BackOff;
use crate::outgoing::single_flight::{Completion, Fetch, Waiter};

/// After failures, the pause starts with the cooldown and doubles up to this time.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// How many key names are remembered as unknown at the same time.
const MAX_UNKNOWN: usize = 1024;

#[derive(Default)]
pub(super) struct RemoteState {
    pub(super) keys: Option<HeldKeys>,
    pub(super) fetch: Option<Fetch>,
    fetches: u64,
    pub(super) back_off: BackOff,
    /// Names that are not in the set. Each is assumed to be unknown until this time.
    pub(super) unknown: HashMap<Box<str>, Tick>,
}

pub(super) struct HeldKeys {
    pub(super) keys: Arc<KeySet>,
    /// From this time on, the keys are renewed in the background.
    pub(super) renew: Tick,
    /// From this time on, the keys are used only while newer ones cannot be fetched.
    expires: Tick,
}

impl RemoteState {
    /// Returns the keys if no request must wait for newer ones: they have not expired, or the source is down or slow.
    pub(super) fn usable(&self, now: Tick) -> Option<Arc<KeySet>> {
        let held = self.keys.as_ref()?;
        let slow = self.fetch.as_ref().is_some_and(|fetch| fetch.age(now) >= GRACE);
        (now < held.expires || self.back_off.is_failing() || slow).then(|| Arc::clone(&held.keys))
    }

    /// Returns whether the pause after the last fetch has passed.
    pub(super) fn may_fetch(&self, now: Tick, cooldown: Duration) -> bool {
        self.back_off.may_try(now, cooldown, LONGEST_BACKOFF)
    }

    pub(super) fn start_fetch(&mut self, now: Tick) -> (Waiter, Completion) {
        self.fetches = self.fetches.wrapping_add(1);
        let (fetch, completion) = Fetch::new(self.fetches, now);
        let waiter = fetch.waiter();
        self.fetch = Some(fetch);
        self.back_off.begin(now);
        (waiter, completion)
    }

    /// Returns whether this is the fetch that requests wait for. The result of an abandoned fetch is ignored.
    pub(super) fn is_current(&self, completion: &Completion) -> bool {
        self.fetch.as_ref().is_some_and(|fetch| fetch.number == completion.number)
    }

    /// Abandons a fetch that takes too long because its thread has ended.
    pub(super) fn abandon_stuck_fetch(&mut self, now: Tick, source: &Fetcher) {
        if self.fetch.as_ref().is_some_and(|fetch| fetch.age(now) >= source.longest_fetch()) {
            tracing::warn!("a fetch of the keys of an issuer did not end and was abandoned");
            self.fail();
        }
    }

    pub(super) fn fail(&mut self) {
        self.fetch = None;
        self.back_off.fail();
    }

    pub(super) fn hold(&mut self, keys: KeySet, fresh_for: Duration, now: Tick, cooldown: Duration) {
        self.fetch = None;
        self.back_off.succeed();
        self.unknown.clear();
        let former = self.keys.take().map(|held| held.keys);
        let keys = match &former {
            Some(former) => former.succeeded_by(keys),
            None => keys,
        };
        let renew = now.after(fresh_for.mul_f32(0.8));
        self.keys = Some(HeldKeys { keys: Arc::new(keys), renew, expires: now.after(fresh_for) });
        // Keys that left the set are now unknown names.
        for gone in former.iter().flat_map(|former| former.keys()).filter(|key| key.is_retired()) {
            if let Some(name) = gone.id() {
                self.remember_unknown(name, now, cooldown);
            }
        }
    }

    pub(super) fn remember_unknown(&mut self, name: &str, now: Tick, cooldown: Duration) {
        if self.unknown.len() >= MAX_UNKNOWN {
            self.unknown.retain(|_, until| now < *until);
        }
        // A name is forgotten after the cooldown, because it may have been published since.
        if self.unknown.len() < MAX_UNKNOWN {
            self.unknown.insert(name.into(), now.after(cooldown));
        }
    }
}
