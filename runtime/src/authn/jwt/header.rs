//! The header of a token.
//!
//! Threat: a header that talks the verifier into another algorithm, another key or another reading of the token
//! (CWE-347, RFC 8725 §2.1, §2.8, §3.1). Promise: only the algorithm of the configured key is accepted; no extension that
//! must be understood is (RFC 7515 §4.1.11); only a JWT is taken for one (RFC 8725 §3.11); `kid jku x5u jwk x5c` are
//! neither followed nor used.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};

use super::AuthError;
use super::json::{self, Names, Reason, Text};
use super::workbench::Workbench;

/// `{"alg":"HS256","typ":"JWT"}`, the header of every token of our own, which is spared the reading.
pub(super) const ISSUED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const ISSUED_ALGORITHM: &str = "HS256";

/// Accepts the header if its algorithm is `algorithm`.
pub(super) fn judge(header: &str, algorithm: &'static str, bench: &mut Workbench) -> Result<(), AuthError> {
    if header == ISSUED && algorithm == ISSUED_ALGORITHM {
        return Ok(());
    }
    let bytes = bench.decode(header, "token_header")?;
    json::read(bytes, "token_header", |reader, reason| reader.deserialize_map(Parameters { algorithm, reason }))
}

struct Parameters<'r> {
    algorithm: &'static str,
    reason: Reason<'r>,
}

impl<'de> Visitor<'de> for Parameters<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { algorithm, reason } = self;
        let (mut alg, mut typ) = (None, None);
        let mut others = Names::default();
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
                "crit" => return reason.refuse("token_crit"),
                // RFC 7797 §7: without `crit` it would be ignored by half of the readers.
                "b64" => return reason.refuse("token_b64"),
                _ => others.skip(name, &mut map, reason)?,
            }
            reason.stands("token_header");
        }
        if alg.is_none_or(|alg| alg.0 != algorithm) {
            return reason.refuse("token_alg");
        }
        if typ.is_some_and(|typ| !is_jwt(&typ.0)) {
            return reason.refuse("token_typ");
        }
        Ok(())
    }
}

/// RFC 7515 §4.1.9: a media type, compared without case, whose `application/` may be left out.
fn is_jwt(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("application/jwt")
}
