//! What the provider says about a token (RFC 7662 §2.2).
//!
//! Threat and promise: see [`introspection`](super).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::authn::AuthError;
use crate::jwt::TokenRules;
use crate::outgoing::object;
use crate::principal::{Confirmation, Principal};

/// The types of token that are accepted (RFC 6750, RFC 9449 §5).
const BEARER: &str = "Bearer";
const DPOP: &str = "DPoP";

const MALFORMED: AuthError = AuthError::Unavailable("introspection_answer");

/// Returns the subject of a client with this id.
pub(super) type ClientSubjects = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What an answer must say, beside what the claims of a JWT must.
pub(super) struct AnswerRules {
    pub(super) issuer: Box<str>,
    pub(super) any_audience: bool,
    pub(super) needs_token_type: bool,
    /// The subject of a token that belongs to a client and to nobody else.
    pub(super) client_subjects: Option<ClientSubjects>,
    /// The lifetime of a token whose answer has no `exp`: it is asked about again then.
    pub(super) without_end: Duration,
}

impl AnswerRules {
    /// The principal, and until when the token is valid (since 1970).
    pub(super) fn judge(
        &self,
        answer: &[u8],
        rules: &TokenRules,
        now: Duration,
    ) -> Result<(Principal, Duration), AuthError> {
        let mut members = object(answer).map_err(|problem| {
            tracing::warn!(issuer = &*self.issuer, problem, "the introspection response of a provider cannot be read");
            MALFORMED
        })?;
        match members.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(AuthError::Invalid("token_inactive")),
            _ => return Err(MALFORMED),
        }
        let is_dpop = self.is_dpop(&members)?;
        self.complete(&mut members, now)?;
        let (principal, expires) = rules.judge(members, self.any_audience, now)?;
        // A token that is not bound would make the proof one of nothing.
        if is_dpop && principal.confirmation().and_then(Confirmation::dpop_key).is_none() {
            return Err(AuthError::Invalid("token_not_bound"));
        }
        Ok((principal, expires))
    }

    /// Whether the token is of the type `DPoP`. Some providers also say `active` of a refresh token, without a `token_type`.
    fn is_dpop(&self, members: &Map<String, Value>) -> Result<bool, AuthError> {
        match members.get("token_type") {
            None | Some(Value::Null) if !self.needs_token_type => Ok(false),
            // RFC 6749 §5.1: case does not matter.
            Some(Value::String(name)) if name.eq_ignore_ascii_case(BEARER) => Ok(false),
            Some(Value::String(name)) if name.eq_ignore_ascii_case(DPOP) => Ok(true),
            _ => Err(AuthError::Invalid("token_type")),
        }
    }

    /// Adds the members that an answer may leave out and the claims of a JWT may not.
    fn complete(&self, members: &mut Map<String, Value>, now: Duration) -> Result<(), AuthError> {
        // The answer came from this issuer. If it names one, that is compared.
        members.entry("iss").or_insert_with(|| (*self.issuer).into());
        if !members.contains_key("exp") {
            members.insert("exp".to_owned(), now.saturating_add(self.without_end).as_secs().into());
        }
        if !members.contains_key("sub") {
            // RFC 9700 §4.15: the id of a client may be that of a person, unless the application keeps them apart.
            let subject = match (&self.client_subjects, members.get("client_id")) {
                (Some(subject), Some(Value::String(client))) => subject(client),
                _ => return Err(AuthError::Invalid("token_sub")),
            };
            members.insert("sub".to_owned(), subject.into());
        }
        Ok(())
    }
}
