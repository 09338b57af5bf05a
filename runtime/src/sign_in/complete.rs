//! The end of a sign-in: the provider has sent the browser back.
//!
//! Threat: an answer that was forged, was meant for another sign-in, browser or provider, or is presented twice (CWE-352, CWE-294, RFC 9700
//! §4.4, §4.5, §4.7). Promise: the answer is used only if this browser began the sign-in, with this provider, within ten minutes, and did not
//! complete it yet. Its cookie is removed, whatever follows.

use actix_web::HttpRequest;
use actix_web::http::Method;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::error::{SignInError, rejected, unavailable};
use super::flow::{is_same, is_state};
use super::identity::UpstreamIdentity;
use super::{SignIn, client_of};
use crate::settings::RequestState;

/// The longest code and the longest issuer of an answer, in bytes.
const LONGEST: usize = 4_096;

impl SignIn {
    /// Checks the answer of the provider and returns who signed in. [`finish`](Self::finish) begins a session with it.
    ///
    /// The request must be a `GET` whose query is the answer. The response removes the cookie of the sign-in, so a second call with the same
    /// answer is rejected.
    ///
    /// # Errors
    ///
    /// [`SignInError`]; each is an event in the audit log.
    pub async fn complete(&self, request: &HttpRequest) -> Result<UpstreamIdentity, SignInError> {
        self.completed(request).await.map_err(|error| self.rejected(request, error))
    }

    async fn completed(&self, request: &HttpRequest) -> Result<UpstreamIdentity, SignInError> {
        let state = RequestState::of(request).ok_or(SignInError::NotGuarded)?;
        // A `HEAD` is a question about the page, and does not complete anything.
        if request.method() != Method::GET {
            return Err(rejected("method"));
        }
        let answer = AuthorizationAnswer::read(request.query_string())?;
        let flow = self.0.take(request, state, &answer.state)?;
        if !is_same(&flow.state, &answer.state) {
            return Err(rejected("state_mismatch"));
        }
        if flow.is_over(self.0.clock.since_1970().ok_or(unavailable("clock"))?) {
            return Err(rejected("flow_expired"));
        }
        let metadata = self.0.provider.metadata().await?;
        // RFC 9207 §2.4: also an answer that is an error.
        match &answer.issuer {
            Some(issuer) if issuer != self.issuer() => return Err(rejected("issuer_mismatch")),
            None if metadata.says("authorization_response_iss_parameter_supported") => {
                return Err(rejected("issuer_missing"));
            }
            _ => {}
        }
        if !self.0.used.first_use(&flow.state, self.0.clock.tick()) {
            return Err(rejected("flow_used"));
        }
        if let Some(code) = &answer.error {
            return Err(refused(code));
        }
        let code = answer.code.ok_or(rejected("code_missing"))?;
        let (login, tokens) = self.0.exchange(&metadata, &flow, &code).await?;
        Ok(UpstreamIdentity::new(self.clone(), login, tokens, flow.return_to(), client_of(state, request)))
    }
}

/// What the provider says of the user that it did not sign in (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
fn refused(code: &str) -> SignInError {
    const DENIED: [&str; 5] =
        ["access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required"];
    match DENIED.into_iter().find(|denied| *denied == code) {
        Some(denied) => SignInError::Denied(denied),
        None if matches!(code, "server_error" | "temporarily_unavailable") => unavailable("provider_unavailable"),
        None => rejected("provider_error"),
    }
}

/// The parameters of the answer (RFC 6749 §4.1.2, RFC 9207 §2).
struct AuthorizationAnswer {
    state: String,
    code: Option<Zeroizing<String>>,
    error: Option<String>,
    issuer: Option<String>,
}

impl AuthorizationAnswer {
    fn read(query: &str) -> Result<Self, SignInError> {
        let (mut state, mut code, mut error, mut issuer) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (slot, repeated) = match &*name {
                "state" => (&mut state, "state_repeated"),
                "code" => (&mut code, "code_repeated"),
                "error" => (&mut error, "error_repeated"),
                "iss" => (&mut issuer, "iss_repeated"),
                // RFC 6749 §4.1.2: unknown parameters are ignored.
                _ => continue,
            };
            // RFC 6749 §3.1: also if one of both has no value.
            if slot.replace(value.into_owned()).is_some() {
                return Err(rejected(repeated));
            }
        }
        // RFC 6749 §3.1: a parameter without a value counts as omitted. State and issuer are rejected without one, as any that are wrong.
        for value in [&mut code, &mut error] {
            if value.as_ref().is_some_and(String::is_empty) {
                *value = None;
            }
        }
        let state = state.ok_or(rejected("state_missing"))?;
        if !is_state(&state) {
            return Err(rejected("state_malformed"));
        }
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > LONGEST);
        if is_long(&code) || code.as_ref().is_some_and(|code| !code.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
            return Err(rejected("code_malformed"));
        }
        if is_long(&issuer) {
            return Err(rejected("issuer_mismatch"));
        }
        Ok(Self { state, code: code.map(Zeroizing::new), error, issuer })
    }
}
