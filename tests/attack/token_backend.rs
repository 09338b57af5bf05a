//! CWE-248, ASVS V11.2.2: the process-wide crypto backend is missing or hostile, and the first token crashes the
//! server.
//!
//! This test has its own binary, because an installed backend cannot be removed.

use std::time::Duration;

use futures_util::FutureExt as _;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use palisade::Jwt;
use palisade::authn::AuthError;
use palisade::jwt::{Grant, TokenIssuer};

static BROKEN: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| panic!("the process-wide backend must not sign"),
    verifier_factory: |_, _| panic!("the process-wide backend must not verify"),
    key_utils: KeyUtils::new_unimplemented(),
};

#[test]
fn broken_process_wide_backend_is_never_used() {
    BROKEN.install_default().expect("this test runs alone in its process");

    let jwt = Jwt::hs256("https://issuer.example", "orders-api", [7; 32]).expect("the self-test passes");
    let issuer = TokenIssuer::hs256("https://issuer.example", "orders-api", [7; 32]).expect("the self-test passes");
    let token = issuer.issue(&Grant::new("u-1", Duration::from_secs(60))).expect("a token is issued");
    assert_eq!(
        jwt.verify(&token).now_or_never().expect("the verifier needs no network").expect("our own token").subject(),
        "u-1"
    );

    let other = Jwt::hs256("https://issuer.example", "orders-api", [8; 32]).expect("the self-test passes");
    let rejection = other
        .verify(&token)
        .now_or_never()
        .expect("the verifier needs no network")
        .map(|principal| principal.subject().to_owned());
    assert_eq!(rejection, Err(AuthError::Invalid("token_signature")));
}
