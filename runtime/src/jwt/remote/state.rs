//! What is known of a source and its keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::flight::{Flight, Landing, Report};
use super::{GRACE, LONGEST_WAIT};
use crate::jwt::key_set::KeySet;

/// After failures: doubled from the cooldown up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// Key names that are known not to exist, at once.
const MOST_UNKNOWN: usize = 1024;

#[derive(Default)]
pub(super) struct RemoteState {
    pub(super) keys: Option<HeldKeys>,
    pub(super) flight: Option<Flight>,
    flights: u64,
    /// When the last attempt began, and how many have failed since one succeeded.
    last_attempt: Option<Instant>,
    pub(super) failures: u32,
    /// Until when a name is known not to be in the set.
    pub(super) unknown: HashMap<Box<str>, Instant>,
}

pub(super) struct HeldKeys {
    pub(super) keys: Arc<KeySet>,
    /// From here on they are renewed in the background.
    pub(super) renew: Instant,
    /// From here on they count only while no newer can be had.
    over: Instant,
}

impl RemoteState {
    /// The keys, if nobody has to wait for newer ones: they are in time, or the source is down or takes its time.
    pub(super) fn usable(&self, now: Instant) -> Option<Arc<KeySet>> {
        let held = self.keys.as_ref()?;
        let slow = self.flight.as_ref().is_some_and(|flight| flight.age(now) >= GRACE);
        (now < held.over || self.failures > 0 || slow).then(|| Arc::clone(&held.keys))
    }

    /// Whether the pause after the last attempt is over.
    pub(super) fn may_be_asked(&self, now: Instant, cooldown: Duration) -> bool {
        let Some(last) = self.last_attempt else { return true };
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = cooldown.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
        now.saturating_duration_since(last) >= pause.min(LONGEST_BACKOFF.max(cooldown))
    }

    pub(super) fn take_off(&mut self, now: Instant) -> (Landing, Report) {
        self.flights = self.flights.wrapping_add(1);
        let (flight, report) = Flight::new(self.flights, now);
        let landing = flight.landing();
        self.flight = Some(flight);
        self.last_attempt = Some(now);
        (landing, report)
    }

    /// Whether this is the flight that all are waiting for. One that was given up brings nothing any more.
    pub(super) fn is_under_way(&self, report: &Report) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.number == report.number)
    }

    /// The thread that it was begun on does not come back to it.
    pub(super) fn give_up_a_lost_flight(&mut self, now: Instant) {
        if self.flight.as_ref().is_some_and(|flight| flight.age(now) >= LONGEST_WAIT) {
            tracing::warn!("a fetch of an issuer's keys does not end; it is begun again");
            self.fail();
        }
    }

    pub(super) fn fail(&mut self) {
        self.flight = None;
        self.failures = self.failures.saturating_add(1);
    }

    pub(super) fn hold(&mut self, keys: KeySet, fresh_for: Duration, now: Instant, cooldown: Duration) {
        self.flight = None;
        self.failures = 0;
        self.unknown.clear();
        let former = self.keys.take().map(|held| held.keys);
        let keys = match &former {
            Some(former) => former.succeeded_by(keys),
            None => keys,
        };
        let renew = now.checked_add(fresh_for.mul_f32(0.8)).unwrap_or(now);
        self.keys = Some(HeldKeys { keys: Arc::new(keys), renew, over: now.checked_add(fresh_for).unwrap_or(now) });
        // What left the set is known not to be in it.
        for gone in former.iter().flat_map(|former| former.keys()).filter(|key| key.is_retired()) {
            if let Some(name) = gone.id() {
                self.remember_unknown(name, now, cooldown);
            }
        }
    }

    pub(super) fn remember_unknown(&mut self, name: &str, now: Instant, cooldown: Duration) {
        if self.unknown.len() >= MOST_UNKNOWN {
            self.unknown.retain(|_, until| now < *until);
        }
        // No longer than the source may not be asked anyhow: then it may have been published.
        if self.unknown.len() < MOST_UNKNOWN
            && let Some(until) = now.checked_add(cooldown)
        {
            self.unknown.insert(name.into(), until);
        }
    }
}
