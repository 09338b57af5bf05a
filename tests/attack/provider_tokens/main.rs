//! CWE-287, CWE-863, CWE-400: tokens and keys in the forms that real identity providers publish. Real tokens are
//! accepted; tokens that only resemble them are rejected.

mod authority;
mod key_sets;
mod key_sources;
mod many_members;
mod missing_claims;
mod providers;
mod shapes;

use futures_util::FutureExt as _;
use palisade::authn::AuthError;
use palisade::jwt::{Algorithm, JwtBuilder, KeySet, VerifyingKey};
use palisade::{Jwt, Principal};
use palisade_tests::tokens::Signer;
use palisade_tests::{AUDIENCE, ISSUER, SECRET};
use serde_json::{Value, json};

type Set = palisade::__v1::Set;
type ReadyJwtBuilder = JwtBuilder<Set, Set, Set>;

/// The tests' issuer and audience, and a shared secret.
fn jwt_builder() -> ReadyJwtBuilder {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap())
}

fn token(claims: &Value) -> String {
    Signer::hmac(jsonwebtoken::Algorithm::HS256, SECRET).seal(r#"{"alg":"HS256"}"#, claims.to_string())
}

fn key_set(keys: &[Value]) -> Result<KeySet, palisade::ConfigError> {
    KeySet::from_jwks(json!({ "keys": keys }).to_string())
}

/// The result of a verifier that needs no network.
fn verify(jwt: &Jwt, token: &str) -> Result<Principal, AuthError> {
    jwt.verify(token).now_or_never().expect("the verifier needs no network")
}

fn verdict(jwt: &Jwt, token: &str) -> Result<(), AuthError> {
    verify(jwt, token).map(drop)
}

/// The value with this member added or replaced.
fn with_member(mut value: Value, name: &str, member: impl Into<Value>) -> Value {
    value[name] = member.into();
    value
}

/// The value without this member.
fn without_member(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}
