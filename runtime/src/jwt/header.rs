//! The header of a token.
//!
//! Threat: a header that makes the verifier use another algorithm, another key or another interpretation of the token (CWE-347,
//! RFC 8725 §2.1, §2.8, §3.1). Promise: only an algorithm of the configured key is accepted. A token with a critical extension
//! is rejected (RFC 7515 §4.1.11). Only the expected type of token is accepted (RFC 8725 §3.11). A `kid` is compared with the
//! names of configured keys, and `jku`, `x5u`, `jwk` and `x5c` are ignored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::algorithm::Algorithm;
use super::json::{self, Reason, SeenNames, Text};
use super::{AuthError, base64url};

/// In bytes. Key names are usually thumbprints or dates.
const LONGEST_KEY_ID: usize = 255;

/// The encoded header of every token that a [`TokenIssuer`](super::TokenIssuer) signs with this key. If a token has exactly
/// this header, the verifier need not parse it.
pub(super) fn encoded(algorithm: Algorithm, id: Option<&str>) -> String {
    #[derive(Serialize)]
    struct IssuedHeader<'k> {
        alg: &'static str,
        /// RFC 9068 §2.1.
        typ: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<&'k str>,
    }

    let header = IssuedHeader { alg: algorithm.name(), typ: ACCESS_TOKEN, kid: id };
    // The header contains only strings, which serde_json can always serialize.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap_or_default())
}

/// Which types of token are accepted, by the header parameter `typ` (RFC 7515 §4.1.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// `JWT`, `at+jwt` or no `typ`, because most issuers send one of these. This is the default.
    #[default]
    Jwt,
    /// Only `at+jwt` (RFC 9068 §4). Other tokens of the same issuer, such as ID tokens, are rejected.
    AccessToken,
}

/// What a verifier expects. Only the first kind can be configured by an application, because the others grant no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Access(TokenType),
    /// `JWT` or no `typ`, and never `at+jwt`: an ID token, which says who signed in at a client (OpenID Connect Core §2).
    #[cfg(feature = "oauth")]
    Id,
    /// `logout+jwt`: it says whose session is over (OpenID Connect Back-Channel Logout). Some providers write `JWT` or no `typ`, which is
    /// accepted if it is `untyped`.
    #[cfg(feature = "oauth")]
    Logout {
        untyped: bool,
    },
}

impl From<TokenType> for TokenKind {
    fn from(token_type: TokenType) -> Self {
        Self::Access(token_type)
    }
}

const ACCESS_TOKEN: &str = "at+jwt";

impl TokenKind {
    /// Compares `typ` as a media type: ignoring case, and with or without `application/`.
    fn accepts(self, typ: Option<&str>) -> bool {
        const PREFIX: &str = "application/";
        let name = typ.map(|typ| match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
            _ => typ,
        });
        let is = |known: &str| name.is_some_and(|name| name.eq_ignore_ascii_case(known));
        let is_untyped = || name.is_none() || is("JWT");
        match self {
            Self::Access(TokenType::Jwt) => is_untyped() || is(ACCESS_TOKEN),
            Self::Access(TokenType::AccessToken) => is(ACCESS_TOKEN),
            #[cfg(feature = "oauth")]
            Self::Id => is_untyped(),
            #[cfg(feature = "oauth")]
            Self::Logout { untyped } => is("logout+jwt") || (untyped && is_untyped()),
        }
    }

    /// Whether access tokens of a `TokenIssuer` are accepted.
    pub(super) fn is_access(self) -> bool {
        matches!(self, Self::Access(_))
    }

    /// Whether a token without a subject is accepted: one that ends a session may name only the session.
    pub(super) fn needs_subject(self) -> bool {
        #[cfg(feature = "oauth")]
        if matches!(self, Self::Logout { .. }) {
            return false;
        }
        true
    }
}

/// The header of a token.
pub(super) struct Header<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Text<'t>>,
}

/// Reads the header into the buffer.
///
/// # Errors
///
/// [`AuthError::Invalid`], if the header is malformed or has a value that is not accepted.
pub(super) fn read<'b>(header: &str, expected: TokenKind, buffer: &'b mut Vec<u8>) -> Result<Header<'b>, AuthError> {
    let text = base64url::decode_text(header, buffer, "token_header")?;
    json::read(text, "token_header", |reader, reason| reader.deserialize_map(Parameters { expected, reason }))
}

struct Parameters<'r> {
    expected: TokenKind,
    reason: Reason<'r>,
}

impl<'de> Visitor<'de> for Parameters<'_> {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header<'de>, A::Error> {
        let Self { expected, reason } = self;
        let (mut alg, mut typ, mut kid) = (None, None, None);
        let mut others = SeenNames::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "alg" => {
                    reason.set("token_alg");
                    let value = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut alg, value)?;
                }
                "typ" => {
                    reason.set("token_typ");
                    let value = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut typ, value)?;
                }
                "kid" => {
                    reason.set("token_kid");
                    let value = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut kid, value)?;
                }
                "crit" => return reason.reject("token_crit"),
                // RFC 7797 §7: some readers ignore `b64` if `crit` does not name it.
                "b64" => return reason.reject("token_b64"),
                _ => others.skip(name, &mut map, reason)?,
            }
            reason.set("token_header");
        }
        let Some(algorithm) = alg.and_then(|alg: Text<'_>| Algorithm::named(&alg.0)) else {
            return reason.reject("token_alg");
        };
        if !expected.accepts(typ.as_ref().map(|typ: &Text<'_>| &*typ.0)) {
            return reason.reject("token_typ");
        }
        if kid.as_ref().is_some_and(|kid: &Text<'_>| kid.0.len() > LONGEST_KEY_ID) {
            return reason.reject("token_kid");
        }
        Ok(Header { algorithm, key_id: kid })
    }
}
