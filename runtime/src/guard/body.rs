//! The body of a guarded request.
//!
//! Threat: a body that inflates, or never ends (CWE-409, CWE-400). Promise: a compressed body is rejected before all other
//! checks unless it is allowed; a body that announces too many bytes is rejected before it is read; reading the body is limited in
//! time, and in size with each chunk. An argument cannot hide that a limit ended the body.

use actix_web::{Error, dev};

use super::{GuardedRequest, Outcome};
use crate::audit;
use crate::body::{self, BodyFailure, Coding, Keep, Reading};
use crate::denial::Denial;
use crate::document::{self, Document, InputError, InputLimits, InputSource, Surveyed};
use crate::input::{self, InputArgument};
use crate::policy::Validation;
use crate::validation::{self, BrokenRule, ValidationFailure};

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
        // Later they tell where a mistake is. A compressed body is kept as it is inflated.
        let is_validated = self.mounted.policy.validation != Validation::None;
        let has_fields = self.mounted.inputs.iter().any(|input| !input.is_of(InputSource::Header));
        let is_read_again = has_fields || (is_validated && !input::is_multipart(self.request));
        let keep = match self.state.coding {
            _ if !is_read_again => Keep::Nothing,
            None => Keep::Sent,
            Some(_) => Keep::Inflated,
        };
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
            self.reading = Some(self.limit_body(payload, Keep::Nothing)?);
            self.end_reading();
        }
        Ok(())
    }

    fn limit_body(&self, payload: &mut dev::Payload, keep: Keep) -> Result<Reading, Denial> {
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

    /// The mistakes in an input that an extractor of actix-web has rejected, with their places.
    pub(super) fn explained(&self, source: InputSource) -> Option<Denial> {
        let sent = match source {
            InputSource::Query => self.request.query_string().as_bytes().to_vec(),
            InputSource::Json | InputSource::Form => self.sent_body()?,
            InputSource::Header => return None,
        };
        self.mounted.inputs.iter().find_map(|input| input.explain(&sent, source)).map(Denial::invalid)
    }

    /// The error of an argument that was extracted, because an `Option` hides it. Not the error of one side of an `Either` that does
    /// not read this media type: the other side has read it.
    pub(super) fn hidden_error(&self) -> Option<InputError> {
        self.may_hide_an_error().then(|| self.find_hidden_error()).flatten()
    }

    fn may_hide_an_error(&self) -> bool {
        self.state.has_input_error.get() || !self.mounted.inputs.is_empty()
    }

    fn find_hidden_error(&self) -> Option<InputError> {
        let malformed = self.mounted.inputs.iter().find_map(|input| input.hidden_malformed_header(self.request));
        if let Some(name) = malformed {
            return Some(document::header(name).into());
        }
        let of_parameters = self.state.parameter_errors.take().into_iter().find(InputError::is_last);
        of_parameters.or_else(|| {
            let error = self.state.body_error.take().filter(InputError::is_last)?;
            (!error.is_media_type() || !self.mounted.inputs.iter().any(InputArgument::is_side)).then_some(error)
        })
    }

    /// What is wrong with the body if the left side of an `Either` does not read this media type: `Either` returns the error of that
    /// side only.
    pub(super) fn mistakes_of_other_side(&self) -> Option<Denial> {
        let noted = self.state.body_error.take().filter(|error| !error.is_media_type());
        let explained = || match input::is_form(self.request) {
            true => self.explained(InputSource::Form),
            false => input::is_json(self.request).then(|| self.mistakes_in_json()).flatten(),
        };
        noted.map(|error| error.denial().clone()).or_else(explained)
    }

    fn mistakes_in_json(&self) -> Option<Denial> {
        self.mounted.inputs.iter().find(|input| input.is_side() && input.is_of(InputSource::Json))?;
        match Document::from_json(&self.sent_body()?, &InputLimits::NONE) {
            Err(failure) => Some(document::json(failure)),
            Ok(_) => self.explained(InputSource::Json),
        }
    }

    /// Ends the reading of a body. What was kept of it is dropped.
    pub(super) fn end_reading(&self) {
        if let Some(reading) = &self.reading {
            reading.end();
            #[cfg(feature = "multipart")]
            input::forget_parts(self.request);
        }
    }

    /// A denial with the errors of these rules, each at the place that was sent.
    pub(super) fn invalid(&self, rules: Vec<BrokenRule>) -> Denial {
        let sent = self.sent_body();
        let source = if input::is_form(self.request) { InputSource::Form } else { InputSource::Json };
        let body = sent.as_deref().and_then(|sent| match source {
            InputSource::Form => Document::from_accepted_form(sent),
            _ => Document::from_json(sent, &InputLimits::NONE).ok(),
        });
        let survey_body = |document: &Document<'_>| self.survey(source, document);
        let survey_query = |document: &Document<'_>| self.survey(InputSource::Query, document);
        let body = body.map(|document| validation::Sent::new(document, &survey_body));
        let parameters = input::parameters(self.request).map(|document| validation::Sent::new(document, &survey_query));
        let mut fields = validation::located(rules, body.as_ref(), parameters.as_ref());
        validation::first_errors(&mut fields);
        Denial::invalid(fields)
    }

    /// The body that the arguments read, if it was kept.
    fn sent_body(&self) -> Option<Vec<u8>> {
        #[cfg(feature = "multipart")]
        if let Some(parts) = input::sent_parts(self.request) {
            return Some(parts);
        }
        self.reading.as_ref().and_then(Reading::sent)
    }

    /// The structs that an argument reads from this part of the request.
    fn survey(&self, source: InputSource, document: &Document<'_>) -> Surveyed {
        self.mounted.inputs.iter().find_map(|input| input.survey(source, document)).unwrap_or_default()
    }
}
