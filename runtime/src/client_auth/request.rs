//! A form that is posted to an endpoint of the provider.
//!
//! Threat: a credential that is sent twice in different ways, or to an endpoint that nobody configured; a provider that is down, which is
//! taken for a decision (CWE-636). Promise: there is one function that authenticates the client and posts the form. It tells an outage
//! (asked again later) from a refusal by the provider (which has a code of RFC 6749 §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::answer::refusal;
use super::{ClientAuthentication, OAuthClient};
use crate::clock::Clock;
use crate::outgoing::{Address, Answer, CallError, OutgoingCall};
use crate::provider::Provider;

/// The largest answer of an endpoint for tokens.
const LARGEST: usize = 64 * 1024;
/// RFC 6749 §5.2.
const INVALID_CLIENT: &str = "invalid_client";
/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why an endpoint gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// The provider does not respond, or responds that it cannot respond now.
    Unavailable,
    /// The provider refused the request, with this code.
    Refused(Box<str>),
    /// The provider responded with something else than the standard allows.
    Garbage,
    /// The response was larger than any that the standard needs, and was not read to its end.
    TooLarge,
}

impl RequestError {
    /// Whether the provider refused the client itself, whatever the request was (RFC 6749 §5.2).
    pub(crate) fn refuses_client(&self) -> bool {
        matches!(self, Self::Refused(code) if matches!(&**code, INVALID_CLIENT | "unauthorized_client"))
    }
}

impl OAuthClient {
    /// Posts the fields to the endpoint, as this client.
    pub(crate) async fn post(
        &self,
        provider: &Provider,
        endpoint: &Address,
        fields: &[(&str, &str)],
        clock: &Clock,
    ) -> Result<Answer, RequestError> {
        let (form, authorization) = self.request(provider, endpoint, fields, clock).ok_or(RequestError::Unavailable)?;
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ]);
        headers.extend(authorization.map(|authorization| (AUTHORIZATION, authorization)));
        let call = OutgoingCall {
            method: Method::POST,
            address: endpoint,
            headers,
            body: form.into_bytes(),
            most_bytes: LARGEST,
        };
        let answer = provider.outgoing().call(call).await.map_err(|error| {
            tracing::warn!(issuer = provider.issuer(), %error, "a provider did not respond");
            match error {
                CallError::TooLarge { .. } => RequestError::TooLarge,
                CallError::Unavailable(_) | CallError::Busy => RequestError::Unavailable,
            }
        })?;
        match answer.status {
            200..=299 => Ok(answer),
            429 | 500.. => {
                tracing::warn!(issuer = provider.issuer(), status = answer.status, "a provider cannot respond now");
                Err(RequestError::Unavailable)
            }
            status => Err(match refusal(&answer.body) {
                Some(code) => RequestError::Refused(code),
                // RFC 6749 §5.2: this status is that of a failed authentication of the client.
                None if status == 401 => RequestError::Refused(INVALID_CLIENT.into()),
                None => {
                    // The endpoint may have moved.
                    if matches!(status, 404 | 405 | 410) {
                        provider.doubt_metadata();
                    }
                    RequestError::Garbage
                }
            }),
        }
    }

    /// The form, and the header `Authorization`. `None` if no assertion can be made.
    fn request(
        &self,
        provider: &Provider,
        endpoint: &Address,
        fields: &[(&str, &str)],
        clock: &Clock,
    ) -> Option<(String, Option<HeaderValue>)> {
        let assertion;
        let id = ("client_id", self.id());
        let (own, authorization) = match &self.0.authentication {
            ClientAuthentication::None => (vec![id], None),
            ClientAuthentication::SecretBasic(secret) => (vec![], Some(basic(self.id(), secret.expose_secret())?)),
            ClientAuthentication::SecretPost(secret) => (vec![id, ("client_secret", secret.expose_secret())], None),
            ClientAuthentication::PrivateKeyJwt(assertions) => {
                // The endpoint for pushed requests takes the token endpoint as the audience, too (RFC 9126 §2).
                let audience = if assertions.for_token_endpoint { endpoint.url().as_str() } else { provider.issuer() };
                assertion = Zeroizing::new(assertions.assertion(self.id(), audience, clock.since_1970()?)?);
                (vec![id, ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())], None)
            }
        };
        // A pushed authorization request has the id among its own fields.
        let own = own.iter().filter(|(name, _)| fields.iter().all(|(known, _)| known != name));
        Some((form(fields.iter().chain(own)), authorization))
    }
}

/// The fields in the format of HTML forms.
fn form<'f>(fields: impl Iterator<Item = &'f (&'f str, &'f str)> + Clone) -> String {
    // The capacity is reserved at once, so that growing leaves no copies of a secret in memory. A byte becomes at most three.
    let lengths = fields.clone().map(|(name, value)| name.len().saturating_add(value.len()).saturating_mul(3));
    let capacity = lengths.fold(64, |sum: usize, length| sum.saturating_add(length).saturating_add(2));
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(capacity));
    for (name, value) in fields {
        form.append_pair(name, value);
    }
    form.finish()
}

/// RFC 6749 §2.3.1: both parts are encoded as in a form before they are encoded as in RFC 7617.
fn basic(id: &str, secret: &str) -> Option<HeaderValue> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encoded(id), *Zeroizing::new(encoded(secret))));
    let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
