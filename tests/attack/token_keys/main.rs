//! CWE-400, CWE-613, CWE-636, RFC 8725 §3.10, T4, T5: keys that change, a key server that is down or lies, and strangers who make
//! up key names to have it called.
//!
//! The key server is real HTTP in this process; the clock of the key set is the one of the test's runtime and is moved by
//! [`later`]. Tokens carry the time of the machine, which no test needs to move.

mod flood;
mod outage;
mod races;
mod rotation;
mod server;
mod several;
mod source;

use std::time::Duration;

use jsonwebtoken::Algorithm;
use palisade::jwt::RemoteKeySet;
use palisade::{Jwt, Palisade};
use palisade_tests::tokens::{Signer, sound, with};
use palisade_tests::{AUDIENCE, Answer, ISSUER, get};
use serde_json::{Value, json};

use self::server::KeyServer;

/// An application in this process, whose keys are behind this `Jwt`.
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
macro_rules! show {
    ($app:expr, $token:expr) => {
        palisade_tests::call(&$app, crate::showing($token)).await
    };
}
pub(crate) use show;

fn behind(jwt: Jwt) -> Palisade {
    Palisade::builder().authenticator(jwt).build().unwrap()
}

fn showing(token: impl AsRef<str>) -> actix_web::test::TestRequest {
    get("/me").insert_header(("authorization", format!("Bearer {}", token.as_ref())))
}

fn remote(server: &KeyServer) -> RemoteKeySet {
    RemoteKeySet::new(server.url()).unwrap()
}

fn jwt(server: &KeyServer) -> Jwt {
    jwt_of(remote(server))
}

fn jwt_of(keys: RemoteKeySet) -> Jwt {
    Jwt::builder().issuer(ISSUER).audience(AUDIENCE).keys(keys).build().unwrap()
}

/// A key of the issuer and its name.
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

    /// A token of its own for each subject.
    fn token(&self, subject: &str) -> String {
        self.signer.token(&self.id, &with("sub", json!(subject)))
    }
}

/// A token under a name that no key has, signed by somebody.
fn unknown(id: &str) -> String {
    Signer::generate(Algorithm::EdDSA).token(id, &sound())
}

/// Moves the clock of the key set. What is under way gets a moment to end first, so that it does not run into its own time limit.
async fn later(seconds: u64) {
    settle().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// What was begun in the background ends.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

const COOLDOWN: u64 = 6;

/// 503 that says when to come again.
#[track_caller]
fn assert_unavailable(answer: &Answer) {
    answer.assert_problem(503);
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(answer.header("www-authenticate"), "", "nothing was wrong with the credential");
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.assert_problem(401);
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="api", error="invalid_token""#);
}
