//! The body of a guarded request.
//!
//! Threat: a body that inflates, or never ends (CWE-409, CWE-400). Promise: a coding that nobody asked for is refused before
//! anything else; what is read is bounded in time, and piece by piece.

use actix_web::{HttpMessage as _, dev};

use super::GuardedRequest;
use crate::body::{self, Coding, Reading};
use crate::denial::Denial;
use crate::policy::Validation;
use crate::settings::RequestState;
use crate::validation::{self, Invalid};

impl GuardedRequest<'_, '_> {
    /// Stage 0: a coding of the body that nobody asked for.
    pub(super) fn takes_the_coding(&self) -> Result<(), Denial> {
        match (self.coding(), self.max_inflated()) {
            (None, _) => Ok(()),
            (Some(_), None) | (Some(Coding::Left), _) => Err(Denial::content_coding(body::IDENTITY)),
            (Some(Coding::Other), Some(_)) => Err(Denial::content_coding(body::ACCEPTED)),
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn coding(&self) -> Option<Coding> {
        self.request.extensions().get::<RequestState>().and_then(|state| state.coding)
    }

    fn max_inflated(&self) -> Option<u64> {
        self.mounted.policy.compressed.or(self.settings.compressed)
    }

    /// Stage 7: the body as its reader gets it. Without a body there is nothing to wait for.
    pub(super) fn prepare(&self, payload: &mut dev::Payload) -> Option<Reading> {
        if matches!(payload, dev::Payload::None) {
            return None;
        }
        let timeouts = self.settings.body_timeouts;
        // What is inflated is not what was sent.
        let keep = self.mounted.policy.validation != Validation::None && self.coding().is_none();
        let (paced, reading) = body::paced(payload.take(), self.request.head(), timeouts, keep);
        *payload = paced;
        #[cfg(feature = "compression")]
        if let (Some(coding), Some(most)) = (self.coding(), self.max_inflated()) {
            *payload = body::inflated(payload.take(), coding, most);
        }
        Some(reading)
    }

    /// The refusal of input that is not valid, with pointers into the document that was sent.
    pub(super) fn invalid(invalid: Invalid, reading: Option<&Reading>) -> Denial {
        let sent = reading.and_then(Reading::sent).and_then(|sent| serde_json::from_slice(&sent).ok());
        Denial::invalid(validation::located(invalid.into_fields(), sent.as_ref()))
    }
}
