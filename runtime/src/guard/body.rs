//! The body of a guarded request.
//!
//! Threat: a body that inflates, or never ends (CWE-409, CWE-400). Promise: a compressed body is rejected before all other
//! checks unless it is allowed; reading the body is limited in time, and in size with each chunk.

use actix_web::dev;

use super::GuardedRequest;
use crate::audit;
use crate::body::{self, Coding, Reading};
use crate::denial::Denial;
use crate::policy::Validation;
use crate::problem::FieldError;
use crate::validation::{self, ValidationFailure};

impl GuardedRequest<'_, '_> {
    /// Rejects a compressed body if neither the route nor the application accepts compressed bodies.
    pub(super) fn check_coding(&self, coding: Coding) -> Result<(), Denial> {
        // The fields of a compressed body cannot be read without inflating it a second time.
        if !self.mounted.input_fields.is_empty() {
            return Err(Denial::content_coding(body::IDENTITY));
        }
        match (coding, self.mounted.policy.compressed.or(self.settings.compressed)) {
            (_, None) | (Coding::Unread, _) => Err(Denial::content_coding(body::IDENTITY)),
            (Coding::Other, Some(_)) => Err(Denial::content_coding(body::ACCEPTED)),
            (_, Some(_)) => Ok(()),
        }
    }

    /// Limits how long the body may take, and how large it may become if it is compressed.
    pub(super) fn bound_body(&self, payload: &mut dev::Payload) -> Reading {
        let timeouts = self.settings.body_timeouts;
        // Pointers of validation errors refer to the bytes that were sent, so a compressed body is not kept.
        let is_read_again = self.mounted.policy.validation != Validation::None || !self.mounted.input_fields.is_empty();
        let keep = is_read_again && self.state.coding.is_none();
        let (paced, reading) = body::paced(payload.take(), self.request.head(), timeouts, keep);
        *payload = paced;
        #[cfg(feature = "compression")]
        if let (Some(coding), Some(most)) =
            (self.state.coding, self.mounted.policy.compressed.or(self.settings.compressed))
        {
            *payload = body::inflated(payload.take(), coding, most);
        }
        reading
    }

    /// Returns a denial with pointers into the document that was sent, if the arguments are not valid. If a context is missing, the log says what to
    /// add.
    pub(super) fn check_input(&self, validated: Result<(), ValidationFailure>) -> Result<(), Denial> {
        validated.map_err(|failure| match failure {
            ValidationFailure::Invalid(fields) => self.invalid(fields),
            ValidationFailure::Misconfigured(help) => {
                audit::misconfigured(&self.mounted.policy.handler, &help);
                Denial::internal("validation_not_configured")
            }
        })
    }

    /// Ends the reading of a body. What was kept of it is dropped.
    pub(super) fn end_reading(&self) {
        self.reading.iter().for_each(Reading::end);
    }

    fn invalid(&self, mut fields: Vec<FieldError>) -> Denial {
        validation::first_errors(&mut fields);
        let sent = self.reading.as_ref().and_then(Reading::sent).and_then(|sent| serde_json::from_slice(&sent).ok());
        Denial::invalid(validation::located(fields, sent.as_ref()))
    }
}
