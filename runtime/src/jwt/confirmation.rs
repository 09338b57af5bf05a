//! The claim `cnf` (RFC 7800): what the caller must prove to hold.
//!
//! Threat: a token that is bound to a key and accepted without its proof, because the claim has an unexpected form (CWE-287). Promise: each
//! form of the claim either is a binding that is checked, or rejects the token.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::json::{Reason, SeenNames, Text};
use super::{Grant, JwtBuilder};
use crate::authn::digest::Digest;
use crate::principal::Confirmation;

pub(super) const REASON: &str = "token_cnf";

/// Reads a [`Confirmation`] from the value of the claim.
pub(super) struct ConfirmationClaim<'r>(pub(super) Reason<'r>);

impl<'de> DeserializeSeed<'de> for ConfirmationClaim<'_> {
    type Value = Confirmation;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Confirmation, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ConfirmationClaim<'_> {
    type Value = Confirmation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a confirmation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Confirmation, A::Error> {
        let reason = self.0;
        let (mut key, mut certificate, mut has_other_key) = (None, None, false);
        let mut others = SeenNames::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "jkt" => {
                    let text = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut key, text)?;
                }
                "x5t#S256" => {
                    let text = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut certificate, text)?;
                }
                other => {
                    // RFC 7800 §3: the other ways to name a key. Members without a meaning are ignored.
                    has_other_key |= matches!(other, "jwk" | "jwe" | "kid" | "jku");
                    others.skip(name, &mut map, reason)?;
                }
            }
            reason.set(REASON);
        }
        let hash = |text: Text<'_>| digest(&text.0).map_or_else(|| reason.reject(REASON), Ok);
        let (key, certificate) = (key.map(hash).transpose()?, certificate.map(hash).transpose()?);
        Ok(match (key, certificate) {
            _ if has_other_key => Confirmation::Unsupported,
            (Some(key), None) => Confirmation::DpopKey(key),
            (None, Some(certificate)) => Confirmation::Certificate(certificate),
            (Some(key), Some(certificate)) => Confirmation::Both { dpop_key: key, certificate },
            (None, None) => Confirmation::Unsupported,
        })
    }
}

fn digest(text: &str) -> Option<Digest> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The claim as it is issued.
#[derive(Serialize)]
pub(super) struct IssuedConfirmation {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
}

impl IssuedConfirmation {
    pub(super) fn of(confirmation: &Confirmation) -> Self {
        let text = |digest: &Digest| URL_SAFE_NO_PAD.encode(digest);
        Self { jkt: confirmation.dpop_key().map(text), certificate: confirmation.certificate().map(text) }
    }
}

impl<I, A, K> JwtBuilder<I, A, K> {
    /// Accepts only tokens that are bound to a key of the client (the claim `cnf`). Default: tokens without a binding are accepted too.
    ///
    /// A binding is always checked. This setting also rejects plain bearer tokens of this issuer, with 401. For one route, write
    /// [`#[require_proof]`](macro@crate::require_proof).
    pub fn require_proof(mut self) -> Self {
        self.expectations.needs_proof = true;
        self
    }
}

impl Grant {
    /// The scheme in which a client presents the token (RFC 9449 §5).
    pub(crate) fn token_type(&self) -> &'static str {
        let is_of_a_key = self.confirmation.as_ref().is_some_and(|confirmation| confirmation.dpop_key().is_some());
        if is_of_a_key { "DPoP" } else { "Bearer" }
    }
}
