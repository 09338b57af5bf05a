//! CWE-400, CWE-613, CWE-636, RFC 8725 §3.10: keys that rotate, a key server that is down or lies, and clients that
//! invent key names to cause requests to it.
//!
//! The key server is real HTTP in this process. Each test has a clock of its own, and [`later`] advances its monotonic time,
//! which decides when keys are fetched again. Its wall time, which decides whether tokens are valid, is that of the machine.

mod flood;
mod key_server_responses;
mod outage;
mod races;
mod rotation;
mod server;
mod several;

use std::time::{Duration, SystemTime};

use jsonwebtoken::Algorithm;
use palisade::jwt::RemoteKeySet;
use palisade::testing::ManualClock;
use palisade::{Jwt, Palisade};
use palisade_tests::tokens::{Signer, valid_claims, with};
use palisade_tests::{AUDIENCE, ISSUER, TestResponse, get_request};
use serde_json::{Value, json};

use self::server::KeyServer;

/// An application in this process that uses this `Jwt`.
macro_rules! app {
    ($jwt:expr) => {
        actix_web::test::init_service(
            actix_web::App::new().service(palisade_tests::site::routes()).wrap(crate::behind($jwt)),
        )
        .await
    };
}
pub(crate) use app;

/// `GET /me` with this token.
macro_rules! get_me {
    ($app:expr, $token:expr) => {
        palisade_tests::call(&$app, crate::get_me_request($token)).await
    };
}
pub(crate) use get_me;

fn behind(jwt: Jwt) -> Palisade {
    Palisade::builder().authenticator(jwt).build().unwrap()
}

fn get_me_request(token: impl AsRef<str>) -> actix_web::test::TestRequest {
    get_request("/me").insert_header(("authorization", format!("Bearer {}", token.as_ref())))
}

fn remote(server: &KeyServer) -> RemoteKeySet {
    RemoteKeySet::new(server.url()).unwrap()
}

fn jwt(server: &KeyServer) -> Jwt {
    jwt_of(remote(server))
}

fn jwt_of(keys: RemoteKeySet) -> Jwt {
    Jwt::builder().clock(clock()).issuer(ISSUER).audience(AUDIENCE).keys(keys).build().unwrap()
}

/// The clock of this test: each test runs in its own thread.
fn clock() -> ManualClock {
    thread_local! {
        static CLOCK: ManualClock = ManualClock::starting_at(SystemTime::now());
    }
    CLOCK.with(Clone::clone)
}

/// Advances the monotonic time of the test's clock.
fn advance(seconds: u64) {
    clock().advance(Duration::from_secs(seconds));
    clock().set_wall_time(SystemTime::now());
}

/// A key of the issuer, and its `kid`.
struct Key {
    id: String,
    signer: Signer,
}

impl Key {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), signer: Signer::generate(Algorithm::EdDSA) }
    }

    fn jwk(&self) -> Value {
        self.signer.jwk(&self.id)
    }

    /// A different token for each subject.
    fn token(&self, subject: &str) -> String {
        self.signer.token(&self.id, &with("sub", json!(subject)))
    }
}

/// A token with a `kid` that no key has, signed by an unknown key.
fn token_with_unknown_key(id: &str) -> String {
    Signer::generate(Algorithm::EdDSA).token(id, &valid_claims())
}

/// Advances the clock after the fetches in progress, so that they do not time out.
async fn later(seconds: u64) {
    settle().await;
    advance(seconds);
}

/// Waits until background fetches have ended.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

/// More seconds than the cooldown between two fetches that unknown key names cause.
const COOLDOWN: u64 = 6;

/// For how many seconds keys of [`ServerBehaviour::keys`] may be cached.
const CACHE_SECONDS: u64 = 600;

/// Expects a 503 with `Retry-After`.
#[track_caller]
fn assert_unavailable(response: &TestResponse) {
    response.assert_problem(503);
    let seconds: u32 = response.header("retry-after").parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(response.header("www-authenticate"), "", "the credential itself is not rejected");
}

#[track_caller]
fn assert_rejected(response: &TestResponse) {
    response.assert_problem(401);
    assert_eq!(response.header("www-authenticate"), r#"Bearer realm="api", error="invalid_token""#);
}
