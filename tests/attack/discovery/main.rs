//! CWE-918, CWE-400, CWE-636, RFC 8414 §3.3: a provider whose metadata are those of another issuer, lead elsewhere, are too large, too
//! slow or garbage, and a provider that is down.
//!
//! The provider is real HTTP in this process. The verifier and the metadata have the clock of the test.

mod documents;
mod lifetime;

use std::time::{Duration, SystemTime};

use jsonwebtoken::Algorithm;
use palisade::authn::AuthError;
use palisade::oauth::Provider;
use palisade::testing::ManualClock;
use palisade::{Jwt, Principal};
use palisade_tests::AUDIENCE;
use palisade_tests::liar::Liar;
use palisade_tests::tokens::{Signer, with};
use serde_json::json;

const OIDC: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// A provider with one key, and a verifier that discovers it.
struct Setting {
    liar: Liar,
    key: Signer,
    clock: ManualClock,
    jwt: Jwt,
}

impl Setting {
    fn new() -> Self {
        let key = Signer::generate(Algorithm::ES256);
        let liar = Liar::provider(&[key.jwk("k1")]);
        let clock = ManualClock::starting_at(SystemTime::now());
        let provider = Provider::builder(liar.origin()).clock(&clock).build().unwrap();
        let jwt = Jwt::builder().issuer(liar.origin()).audience(AUDIENCE).keys(provider).clock(&clock);
        Self { jwt: jwt.build().unwrap(), liar, key, clock }
    }

    fn token_of(&self, key: &Signer, id: &str) -> String {
        key.token(id, &with("iss", json!(self.liar.origin())))
    }

    async fn verify(&self) -> Result<Principal, AuthError> {
        self.jwt.verify(&self.token_of(&self.key, "k1")).await
    }

    /// The provider is unavailable, so nobody knows whether the token is good.
    async fn assert_unavailable(&self, why: &str) {
        assert_eq!(self.verify().await.unwrap_err(), AuthError::Unavailable("jwks_unavailable"), "{why}");
    }

    /// Advances the monotonic time, and lets what is under way end.
    async fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.clock.set_wall_time(SystemTime::now());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks until the answer is the expected one, because a renewal runs in the background.
async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not happen within two seconds");
}
