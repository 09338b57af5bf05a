//! One proof of possession (RFC 9449 §4): a token that the client itself signs for one request.
//!
//! Threat: a thief of an access token makes a proof with a key of his own, or with an algorithm that anybody can use (CWE-347), and
//! strangers let the server parse expensive keys (CWE-400). Promise: the key of the proof must have the thumbprint to which the
//! issuer bound the access token. It is compared before the key is parsed, so only a key that the issuer has seen is used. The
//! signature is verified with an asymmetric algorithm that is accepted here. The claims are returned only after that.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeSeed as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::NumericDate;
use super::json::{self, Skipped};
use super::judgement::TokenParts;
use super::jwk::JwkEntry;
use super::{AuthError, base64url};
use crate::authn::digest::{Digest, sha256};

const TYPE: &str = "dpop+jwt";
/// RFC 7518 §6: the members of a private or secret key.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// 4096 bits. A larger modulus makes each request much dearer for the server than for the client.
const LONGEST_MODULUS: usize = 512;

const MALFORMED: AuthError = AuthError::Invalid("dpop_malformed");

/// The claims of a proof whose signature is valid (RFC 9449 §4.2). Whether they fit the request is checked by the caller.
#[derive(Debug)]
pub(crate) struct DpopProof {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) id: String,
    pub(crate) issued: Duration,
    /// Until when the proof says that it is valid, and from when. Hardly any client says it.
    pub(crate) expires: Option<Duration>,
    pub(crate) not_before: Option<Duration>,
    /// The hash of the access token.
    pub(crate) token_hash: Option<String>,
    pub(crate) nonce: Option<String>,
}

#[derive(Deserialize)]
struct ProofHeader {
    typ: Option<String>,
    alg: String,
    jwk: Map<String, Value>,
    // RFC 7515 §4.1.11 and RFC 7797: no extension is understood here.
    crit: Option<Value>,
    b64: Option<Value>,
}

#[derive(Deserialize)]
struct ProofClaims {
    htm: String,
    htu: String,
    jti: String,
    iat: NumericDate,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    ath: Option<String>,
    nonce: Option<String>,
}

impl DpopProof {
    /// Reads a proof that the key with this thumbprint signed.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] with the reason for the audit log. [`AuthError::Unavailable`] if the crypto backend fails.
    pub(crate) fn verify(proof: &str, accepted: &[Algorithm], bound_to: &Digest) -> Result<Self, AuthError> {
        let parts = TokenParts::split(proof).ok_or(MALFORMED)?;
        let header: ProofHeader = object(parts.header)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(AuthError::Invalid("dpop_typ"));
        }
        if header.crit.is_some() || header.b64.is_some() {
            return Err(AuthError::Invalid("dpop_crit"));
        }
        let algorithm = Algorithm::named(&header.alg)
            .filter(|algorithm| accepted.contains(algorithm))
            .ok_or(AuthError::Invalid("dpop_alg"))?;
        if PRIVATE.iter().any(|member| header.jwk.contains_key(*member)) {
            return Err(AuthError::Invalid("dpop_key"));
        }
        let own = thumbprint(&header.jwk).ok_or(AuthError::Invalid("dpop_key"))?;
        if aws_lc_rs::constant_time::verify_slices_are_equal(&own, bound_to).is_err() {
            return Err(AuthError::Invalid("dpop_other_key"));
        }
        let Some(JwkEntry::Usable(key)) = JwkEntry::read(&Value::Object(header.jwk)) else {
            return Err(AuthError::Invalid("dpop_key"));
        };
        if !key.algorithms().contains(&algorithm) {
            return Err(AuthError::Invalid("dpop_alg"));
        }
        let verifier = key.verifier(algorithm).map_err(|_| AuthError::Unavailable("crypto_backend"))?;
        let mut signature = Vec::new();
        base64url::decode(parts.signature, &mut signature, "dpop_malformed")?;
        verifier.verify(parts.signed.as_bytes(), &signature).map_err(|_| AuthError::Invalid("dpop_signature"))?;
        let claims: ProofClaims = object(parts.claims)?;
        Ok(Self {
            method: claims.htm,
            target: claims.htu,
            id: claims.jti,
            issued: claims.iat.0,
            expires: claims.exp.map(|date| date.0),
            not_before: claims.nbf.map(|date| date.0),
            token_hash: claims.ath,
            nonce: claims.nonce,
        })
    }
}

/// Decodes one part of the proof. A name that occurs twice is rejected at every depth, as in a token.
fn object<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, AuthError> {
    let mut decoded = Vec::new();
    let text = base64url::decode_text(part, &mut decoded, "dpop_malformed")?;
    json::read(text, "dpop_malformed", |reader, reason| Skipped(reason).deserialize(reader)).map_err(|_| MALFORMED)?;
    serde_json::from_str(text).map_err(|_| MALFORMED)
}

/// The SHA-256 thumbprint of a public key (RFC 7638 §3): the digest of its required members, in the order of their names. `None` if
/// the key is of no supported kind. The members are the texts of the client, so the key must still be read.
fn thumbprint(jwk: &Map<String, Value>) -> Option<Digest> {
    #[derive(Serialize)]
    struct Rsa<'k> {
        e: &'k str,
        kty: &'k str,
        n: &'k str,
    }
    #[derive(Serialize)]
    struct Curve<'k> {
        crv: &'k str,
        kty: &'k str,
        x: &'k str,
        #[serde(skip_serializing_if = "Option::is_none")]
        y: Option<&'k str>,
    }

    let text = |member| jwk.get(member).and_then(Value::as_str);
    let members = match text("kty")? {
        "RSA" => {
            let n = text("n")?;
            (URL_SAFE_NO_PAD.decode(n).ok()?.len() <= LONGEST_MODULUS).then_some(())?;
            serde_json::to_vec(&Rsa { e: text("e")?, kty: "RSA", n })
        }
        "EC" => serde_json::to_vec(&Curve { crv: text("crv")?, kty: "EC", x: text("x")?, y: Some(text("y")?) }),
        // RFC 8037 §2.
        "OKP" => serde_json::to_vec(&Curve { crv: text("crv")?, kty: "OKP", x: text("x")?, y: None }),
        _ => return None,
    };
    members.ok().map(|members| sha256(&members))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9449 figure 2 and figure 9.
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    const KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn digest(text: &str) -> Digest {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    fn verdict(proof: &str, accepted: &[Algorithm]) -> Result<(), AuthError> {
        DpopProof::verify(proof, accepted, &digest(KEY)).map(drop)
    }

    #[test]
    fn the_proof_of_the_standard_is_verified() {
        let proof = DpopProof::verify(PROOF, &[Algorithm::Es256], &digest(KEY)).unwrap();
        assert_eq!((&*proof.method, &*proof.target), ("POST", "https://server.example.com/token"));
        assert_eq!((&*proof.id, proof.issued), ("-BwC3ESc6acc2lTc", Duration::from_secs(1_562_262_616)));
        assert_eq!((proof.token_hash, proof.nonce), (None, None));
    }

    #[test]
    fn each_changed_part_rejects_it() {
        let invalid = |reason| Err(AuthError::Invalid(reason));
        assert_eq!(verdict(PROOF, &[Algorithm::Es384]), invalid("dpop_alg"));
        assert_eq!(DpopProof::verify(PROOF, &[Algorithm::Es256], &[7; 32]).map(drop), invalid("dpop_other_key"));
        let [header, claims, signature] = PROOF.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
        let other =
            URL_SAFE_NO_PAD.encode(r#"{"jti":"x","htm":"GET","htu":"https://server.example.com/","iat":1562262616}"#);
        assert_eq!(verdict(&format!("{header}.{other}.{signature}"), &[Algorithm::Es256]), invalid("dpop_signature"));
        for malformed in
            ["", "a.b", &format!("{PROOF}."), &format!("{header}.{claims}.%"), &format!("{header}=.{claims}.x")]
        {
            assert_eq!(verdict(malformed, &[Algorithm::Es256]), invalid("dpop_malformed"), "{malformed}");
        }
    }

    /// RFC 7638 §3.1, and figure 9 of RFC 9449.
    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let of = |jwk: Value| thumbprint(jwk.as_object().unwrap()).map(|digest| URL_SAFE_NO_PAD.encode(digest));
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = serde_json::json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        assert_eq!(of(rsa).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        let (x, y) = ("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA");
        assert_eq!(of(serde_json::json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})).as_deref(), Some(KEY));
        for incomplete in
            ["{}", r#"{"kty":"oct","k":"AAAA"}"#, r#"{"kty":"EC","crv":"P-256","x":"AA"}"#, r#"{"kty":7}"#]
        {
            assert_eq!(of(serde_json::from_str(incomplete).unwrap()), None, "{incomplete}");
        }
        let huge = URL_SAFE_NO_PAD.encode([0xff; LONGEST_MODULUS + 1]);
        assert_eq!(of(serde_json::json!({"kty": "RSA", "n": huge, "e": "AQAB"})), None);
    }
}
