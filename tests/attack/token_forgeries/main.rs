//! CWE-347, CWE-287, CWE-345, ASVS V9, RFC 8725: forged, altered, redirected and misplaced tokens, over real HTTP.
//!
//! Each case holds a token, the expected status, and the expected reason in the audit log. The reason is checked
//! because a token that is rejected for another reason tests nothing.

mod claims;
mod headers;
mod signatures;
mod token_locations;
mod valid_tokens;
mod weak_keys;

use jsonwebtoken::Algorithm;
use palisade::jwt::{KeySet, VerifyingKey};
use palisade::{Jwt, Palisade};
use palisade_tests::site::Site;
use palisade_tests::tokens::{Signer, encode, rsa, valid_claims};
use palisade_tests::{AUDIENCE, ISSUER, SECRET};

/// The minimum number of cases over all files.
const LEAST: usize = 80;

/// A name, a token, and the expected verdict: accepted, or the reason of the rejection.
type Case = (String, String, Result<(), &'static str>);

fn case(name: impl Into<String>, token: impl Into<String>, verdict: Result<(), &'static str>) -> Case {
    (name.into(), token.into(), verdict)
}

/// The keys of the issuer, and a key of an attacker.
struct Keys {
    rsa: Signer,
    ec: Signer,
    ed: Signer,
    attacker: Signer,
}

const RSA: &str = "rsa-1";
const EC: &str = "ec-1";
const ED: &str = "ed-1";

impl Keys {
    fn new() -> Self {
        let generate = Signer::generate;
        Self {
            rsa: rsa().clone(),
            ec: generate(Algorithm::ES256),
            ed: generate(Algorithm::EdDSA),
            attacker: generate(Algorithm::ES256),
        }
    }

    fn public(&self) -> KeySet {
        let key =
            |algorithm, signer: &Signer, id| VerifyingKey::pem(algorithm, &signer.public().pem).unwrap().with_id(id);
        KeySet::new([
            key(palisade::jwt::Algorithm::Rs256, &self.rsa, RSA),
            key(palisade::jwt::Algorithm::Es256, &self.ec, EC),
            key(palisade::jwt::Algorithm::EdDsa, &self.ed, ED),
        ])
        .unwrap()
    }

    fn jwt(&self) -> Jwt {
        Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(self.public()).build().unwrap()
    }

    /// Each key with its algorithm and its `kid`.
    fn each(&self) -> [(&'static str, &'static str, &Signer); 3] {
        [("RS256", RSA, &self.rsa), ("ES256", EC, &self.ec), ("EdDSA", ED, &self.ed)]
    }

    /// Signs the given header and valid claims with the issuer's P-256 key.
    fn seal(&self, header: &str) -> String {
        self.ec.seal(header, valid_claims().to_string())
    }
}

/// The shared secret, for an issuer that uses one.
fn shared() -> Signer {
    Signer::hmac(Algorithm::HS256, SECRET)
}

/// A header and valid claims, encoded without a signature.
fn unsigned(header: &str) -> String {
    format!("{}.{}", encode(header), encode(valid_claims().to_string()))
}

fn behind(jwt: Jwt) -> Palisade {
    Palisade::builder().authenticator(jwt).build().unwrap()
}

/// Sends each token and compares status and reason with the case. Reports all wrong cases at once.
async fn assert_cases(site: &Site, cases: &[Case]) {
    let mut failures = Vec::new();
    site.reasons();
    for (name, token, expected) in cases {
        let response = site.show(token).await;
        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let reasons = site.reasons();
        let (expected_status, reason, challenged) = match expected {
            Ok(()) => (200, None, None),
            Err(reason) => (401, Some(*reason), Some(r#"Bearer realm="api", error="invalid_token""#)),
        };
        if status != expected_status
            || reasons.iter().map(String::as_str).ne(reason)
            || challenge.as_deref() != challenged
        {
            failures.push(format!("{name}: {status} {reasons:?} {challenge:?}, not {expected_status} {reason:?}"));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn enough_forgeries_are_covered() {
    let keys = Keys::new();
    let all = [
        headers::algorithms(&keys),
        headers::confusions(&keys),
        headers::key_names(&keys),
        headers::key_references(&keys, "http://127.0.0.1:9/"),
        headers::extensions(&keys),
        headers::types(&keys),
        signatures::altered(&keys),
        signatures::curves(&keys),
        signatures::encodings(&keys),
        claims::typed(&keys),
        claims::repeated(&keys),
        claims::shaped(&keys),
    ];
    let forged = all.iter().flatten().filter(|(_, _, verdict)| verdict.is_err()).count();
    assert!(forged >= LEAST, "only {forged} forged tokens");
    let mut names: Vec<&str> = all.iter().flatten().map(|(name, ..)| name.as_str()).collect();
    let cases = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases, "two cases have the same name");
}
