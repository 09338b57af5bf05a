//! The header of a token.
//!
//! Threat: a header that talks the verifier into another algorithm, another key or another reading of the token
//! (CWE-347, RFC 8725 §2.1, §2.8, §3.1). Promise: only an algorithm of the configured key is accepted; no extension that
//! must be understood is (RFC 7515 §4.1.11); only a JWT is taken for one (RFC 8725 §3.11); a `kid` is compared with the names
//! of configured keys, and `jku x5u jwk x5c` are neither followed nor used.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::AuthError;
use super::algorithm::Algorithm;
use super::json::{self, Reason, SeenNames, Text};
use super::workbench::Workbench;

/// In bytes; names of keys are thumbprints and dates.
const LONGEST_KEY_ID: usize = 255;

/// The header of every token that our own issuer signs with a key, encoded; a verifier of that key is spared the reading.
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
    // Texts alone: they can always be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap_or_default())
}

/// What a token says it is, in `typ` (RFC 7515 §4.1.9), and whether that is good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// `JWT`, `at+jwt`, or nothing: what most issuers send. The default.
    #[default]
    Jwt,
    /// `at+jwt` alone (RFC 9068 §4), so that no other kind of token of the same issuer, such as an ID token, passes for one.
    AccessToken,
}

const ACCESS_TOKEN: &str = "at+jwt";

impl TokenType {
    /// A media type, compared without case, whose `application/` may be left out.
    fn accepts(self, typ: Option<&str>) -> bool {
        let Some(typ) = typ else { return self == Self::Jwt };
        const PREFIX: &str = "application/";
        let name = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
            _ => typ,
        };
        name.eq_ignore_ascii_case(ACCESS_TOKEN) || (self == Self::Jwt && name.eq_ignore_ascii_case("JWT"))
    }
}

/// What the header of a token asks for.
pub(super) struct Header<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Text<'t>>,
}

/// Reads the header, and refuses one that asks for what is never given.
pub(super) fn read<'b>(header: &str, expected: TokenType, bench: &'b mut Workbench) -> Result<Header<'b>, AuthError> {
    let bytes = bench.decode(header, "token_header")?;
    json::read(bytes, "token_header", |reader, reason| reader.deserialize_map(Parameters { expected, reason }))
}

struct Parameters<'r> {
    expected: TokenType,
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
                    reason.stands("token_alg");
                    let value = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut alg, value)?;
                }
                "typ" => {
                    reason.stands("token_typ");
                    let value = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut typ, value)?;
                }
                "kid" => {
                    reason.stands("token_kid");
                    let value = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut kid, value)?;
                }
                "crit" => return reason.refuse("token_crit"),
                // RFC 7797 §7: without `crit` it would be ignored by half of the readers.
                "b64" => return reason.refuse("token_b64"),
                _ => others.skip(name, &mut map, reason)?,
            }
            reason.stands("token_header");
        }
        let Some(algorithm) = alg.and_then(|alg: Text<'_>| Algorithm::named(&alg.0)) else {
            return reason.refuse("token_alg");
        };
        if !expected.accepts(typ.as_ref().map(|typ: &Text<'_>| &*typ.0)) {
            return reason.refuse("token_typ");
        }
        if kid.as_ref().is_some_and(|kid: &Text<'_>| kid.0.len() > LONGEST_KEY_ID) {
            return reason.refuse("token_kid");
        }
        Ok(Header { algorithm, key_id: kid })
    }
}
