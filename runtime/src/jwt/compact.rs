//! Tokens of other kinds than access tokens, signed by a key of the application.
//!
//! Threat: a token that is meant for one purpose and is accepted for another one (RFC 8725 §2.8). Promise: the caller names the type,
//! which is in the header.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::algorithm::Family;
use super::signing::SigningKey;

#[derive(Serialize)]
struct CompactHeader<'k> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'k str>,
}

impl SigningKey {
    /// Whether the other side must know the same secret.
    pub(crate) fn is_shared_secret(&self) -> bool {
        self.algorithm().family() == Family::Hmac
    }

    /// The token of this type with these claims, in compact form (RFC 7515 §7.1). `None` if the crypto backend fails.
    pub(crate) fn compact(&self, typ: &'static str, claims: &impl Serialize) -> Option<String> {
        let header = CompactHeader { alg: self.algorithm().name(), typ, kid: self.id() };
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).ok()?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).ok()?, &mut token);
        let signature = self.signer().ok()?.try_sign(token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}
