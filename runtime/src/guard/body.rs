//! The body of a guarded request.
//!
//! Threat: a body that inflates, or never ends (CWE-409, CWE-400). Promise: a coding that nobody asked for is refused before
//! anything else; what is read is bounded in time, and piece by piece.

use std::time::Duration;

use actix_web::{HttpMessage as _, dev};

use super::Passage;
use crate::body::{self, Coding};
use crate::denial::Denial;
use crate::settings::InFlight;

impl Passage<'_, '_> {
    /// Stage 0: a coding of the body that nobody asked for.
    pub(super) fn takes_the_coding(&self) -> Result<(), Denial> {
        match (self.coding(), self.max_inflated()) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Denial::content_coding(body::IDENTITY)),
            (Some(Coding::Other), Some(_)) => Err(Denial::content_coding(body::ACCEPTED)),
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn coding(&self) -> Option<Coding> {
        self.request.extensions().get::<InFlight>().and_then(|in_flight| in_flight.coding)
    }

    fn max_inflated(&self) -> Option<u64> {
        self.policy.compressed.or(self.settings.compressed)
    }

    /// Stage 7: the body as its reader gets it, and how long it may take. Without a body there is nothing to wait for.
    pub(super) fn prepare(&self, payload: &mut dev::Payload) -> Option<Duration> {
        if matches!(payload, dev::Payload::None) {
            return None;
        }
        let timeouts = self.settings.body_timeouts;
        *payload = body::paced(payload.take(), self.request.head(), timeouts);
        #[cfg(feature = "compression")]
        if let (Some(coding), Some(most)) = (self.coding(), self.max_inflated()) {
            *payload = body::inflated(payload.take(), coding, most);
        }
        Some(timeouts.of_arguments())
    }
}
