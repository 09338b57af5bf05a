//! The body of a guarded request.
//!
//! Threat: a body that inflates, or never ends (CWE-409, CWE-400). Promise: a compressed body is rejected before all other
//! checks unless it is allowed; a body that announces too many bytes is rejected before it is read; reading the body is limited in
//! time, and in size with each chunk. An argument cannot hide that a limit ended the body.

use actix_web::{Error, dev};

use super::{GuardedRequest, Outcome};
use crate::body::{self, BodyFailure, Coding, Reading};
use crate::denial::Denial;
use crate::document::InputSource;
use crate::policy::Validation;
use crate::validation::{self, Invalid};

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

    /// Limits how long the body may take and how large it may be, and how large it may become if it is compressed.
    pub(super) fn bound_body(&self, payload: &mut dev::Payload) -> Result<Reading, Denial> {
        // Pointers of validation errors refer to the bytes that were sent, so a compressed body is not kept.
        // Later they tell where a mistake is.
        let is_read_again = self.mounted.policy.validation != Validation::None || !self.mounted.inputs.is_empty();
        let keep = is_read_again && self.state.coding.is_none();
        let reading = self.limit_body(payload, keep)?;
        #[cfg(feature = "compression")]
        if let (Some(coding), Some(most)) =
            (self.state.coding, self.mounted.policy.compressed.or(self.settings.compressed))
        {
            *payload = body::inflated(payload.take(), coding, most, reading.clone());
        }
        Ok(reading)
    }

    /// The same for the route's own middleware. No deadline applies yet, and a compressed body is not inflated.
    pub(super) fn limit_wrapped_body(&mut self, payload: &mut dev::Payload) -> Result<(), Denial> {
        if !matches!(payload, dev::Payload::None) {
            self.reading = Some(self.limit_body(payload, false)?);
            self.end_reading();
        }
        Ok(())
    }

    fn limit_body(&self, payload: &mut dev::Payload, keep: bool) -> Result<Reading, Denial> {
        let max_bytes = self.mounted.policy.body_limit.unwrap_or(self.settings.body_limit);
        if body::announces_more_than(max_bytes, self.request.headers()) {
            return Err(Denial::body_too_large());
        }
        let timeouts = self.settings.body_timeouts;
        let (paced, reading) = body::paced(payload.take(), self.request.head(), timeouts, max_bytes, keep);
        *payload = paced;
        Ok(reading)
    }

    /// What an extractor's error means for the request. If a limit ended the body, the extractor's own response does not matter.
    pub(super) fn not_extracted(&self, error: Error) -> Outcome {
        match self.reading.as_ref().and_then(Reading::failure) {
            Some(failure @ (BodyFailure::TooLarge | BodyFailure::TooSlow)) => Outcome::Denied(failure.denial()),
            Some(BodyFailure::Broken) | None => Outcome::NotExtracted(error),
        }
    }

    /// Returns a denial with pointers into the document that was sent, if the arguments are not valid.
    pub(super) fn check_input(&self, validated: Result<(), Invalid>) -> Result<(), Denial> {
        validated.map_err(|invalid| self.invalid(invalid))
    }

    /// The mistakes in an input that an extractor of actix-web has rejected, with their places.
    pub(super) fn explained(&self, source: InputSource) -> Option<Denial> {
        let sent = match source {
            InputSource::Query => self.request.query_string().as_bytes().to_vec(),
            InputSource::Json | InputSource::Form => self.reading.as_ref().and_then(Reading::sent)?,
        };
        self.mounted.inputs.iter().find_map(|input| input.explain(&sent, source)).map(Denial::invalid)
    }

    /// Ends the reading of a body. What was kept of it is dropped.
    pub(super) fn end_reading(&self) {
        self.reading.iter().for_each(Reading::end);
    }

    fn invalid(&self, invalid: Invalid) -> Denial {
        let sent = self.reading.as_ref().and_then(Reading::sent).and_then(|sent| serde_json::from_slice(&sent).ok());
        Denial::invalid(validation::located(invalid.into_fields(), sent.as_ref()))
    }
}
