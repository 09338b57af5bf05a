//! Proofs that were made in advance: the nonce of the server (RFC 9449 §9).

use std::time::{Duration, UNIX_EPOCH};

use actix_web::test::TestRequest;
use jsonwebtoken::Algorithm;
use palisade::oauth::Dpop;
use palisade::testing::ManualClock;
use palisade::{Cors, authenticated, get, rate_limit};
use palisade_tests::log::Log;
use palisade_tests::{TestResponse, builder, call};
use serde_json::json;

use crate::client::{BASE, Client, request};
use crate::{app, refused};

fn with_nonce(client: &Client, nonce: &str) -> TestRequest {
    let token = client.token();
    let proof = client.proof("GET", "/who", &token).claim("nonce", json!(nonce)).claim("iat", json!(0));
    request("/who", &token, &client.sign(&proof))
}

fn nonce_of(response: &TestResponse) -> String {
    assert_eq!(response.headers.get_all("dpop-nonce").count(), 1, "{response:?}");
    response.header("dpop-nonce").to_owned()
}

#[actix_web::test]
async fn proof_needs_a_nonce_of_this_minute() {
    let (clock, client) = (ManualClock::new(), Client::new(Algorithm::ES256));
    let dpop = Dpop::new(BASE).unwrap().require_nonce([7; 32]).clock(&clock);
    let app = app!(builder().dpop(dpop).cors(Cors::allow_origins(["https://app.example"])));
    let (log, _guard) = Log::start();
    refused!(&app, log, client.get("/who"), Some("use_dpop_nonce"), "dpop_nonce");
    let response = call(&app, client.get("/who").insert_header(("origin", "https://app.example"))).await;
    assert_eq!(response.header("cache-control"), "no-store");
    assert!(response.header("access-control-expose-headers").contains("DPoP-Nonce"), "{response:?}");
    let nonce = nonce_of(&response);

    // The nonce has the time, so the clock of the client does not matter.
    let response = call(&app, with_nonce(&client, &nonce)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(!response.headers.contains_key("dpop-nonce"), "the nonce is still good");
    clock.advance(Duration::from_secs(30));
    let response = call(&app, with_nonce(&client, &nonce)).await;
    assert_eq!((response.status.as_u16(), response.header("cache-control")), (200, "no-store"));
    let next = nonce_of(&response);
    assert_ne!(next, nonce);
    clock.advance(Duration::from_secs(30));
    let _ = log.take();
    refused!(&app, log, with_nonce(&client, &nonce), Some("use_dpop_nonce"), "dpop_nonce");
    assert_eq!(call(&app, with_nonce(&client, &next)).await.status, 200);
}

/// Two processes with one secret accept the nonces of each other, and those of another server are worth nothing.
#[actix_web::test]
async fn nonce_of_another_server_is_refused() {
    let (clock, client) = (ManualClock::new(), Client::new(Algorithm::ES256));
    let of = |secret: u8| builder().dpop(Dpop::new(BASE).unwrap().require_nonce([secret; 32]).clock(&clock));
    let (ours, same, other) = (app!(of(7)), app!(of(7)), app!(of(8)));
    let nonce = nonce_of(&call(&ours, client.get("/who")).await);
    assert_eq!(call(&same, with_nonce(&client, &nonce)).await.status, 200);
    let (log, _guard) = Log::start();
    refused!(&other, log, with_nonce(&client, &nonce), Some("use_dpop_nonce"), "dpop_nonce");
    for invented in ["", "x", &nonce[..21], &format!("{nonce}A")] {
        refused!(&ours, log, with_nonce(&client, invented), Some("use_dpop_nonce"), "dpop_nonce");
    }
}

/// A proof is used once, also while its nonce is good.
#[actix_web::test]
async fn nonce_does_not_allow_a_replay() {
    let (clock, client) = (ManualClock::new(), Client::new(Algorithm::ES256));
    let app = app!(builder().dpop(Dpop::new(BASE).unwrap().require_nonce([7; 32]).clock(&clock)));
    let nonce = nonce_of(&call(&app, client.get("/who")).await);
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token).claim("nonce", json!(nonce)));
    assert_eq!(call(&app, request("/who", &token, &proof)).await.status, 200);
    let (log, _guard) = Log::start();
    clock.advance(Duration::from_secs(29));
    refused!(&app, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_replayed");
}

/// CWE-294: a nonce of a process that is ahead is good for up to 90 seconds here, which is longer than the window. So long its proof is
/// remembered.
#[actix_web::test]
async fn nonce_of_a_process_that_is_ahead_does_not_allow_a_replay() {
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let (clock, ahead) = (ManualClock::starting_at(start), ManualClock::starting_at(start + Duration::from_secs(30)));
    let of = |clock: &ManualClock| builder().dpop(Dpop::new(BASE).unwrap().require_nonce([7; 32]).clock(clock));
    let (ours, other) = (app!(of(&clock)), app!(of(&ahead)));
    let client = Client::new(Algorithm::ES256);
    let nonce = nonce_of(&call(&other, client.get("/who")).await);
    let token = client.token();
    let proof = client.sign(&client.proof("GET", "/who", &token).claim("nonce", json!(nonce)));
    assert_eq!(call(&ours, request("/who", &token, &proof)).await.status, 200);
    let (log, _guard) = Log::start();
    clock.advance(Duration::from_secs(89));
    refused!(&ours, log, request("/who", &token, &proof), Some("invalid_dpop_proof"), "dpop_replayed");
}

#[get("/once")]
#[authenticated]
#[rate_limit(2, "15m", count = failures)]
async fn once() -> &'static str {
    "once"
}

/// Asking for a nonce is how a client gets one: neither a failure of the client nor a warning.
#[actix_web::test]
async fn asking_for_a_nonce_is_no_failure() {
    let (clock, client) = (ManualClock::new(), Client::new(Algorithm::ES256));
    let palisade = builder().dpop(Dpop::new(BASE).unwrap().require_nonce([7; 32]).clock(&clock)).build().unwrap();
    let routes = palisade::scope("").service(once);
    let app = actix_web::test::init_service(actix_web::App::new().service(routes).wrap(palisade)).await;
    let (log, _guard) = Log::start();
    for _ in 0..4 {
        let response = call(&app, client.get("/once")).await;
        assert_eq!(response.status, 401, "{response:?}");
        assert_eq!(nonce_of(&response).len(), 22);
    }
    let events = log.take();
    assert!(!events.is_empty() && events.iter().all(|event| !event.contains("WARN")), "{events:?}");
    // A wrong proof is a failure.
    for status in [401, 401, 429] {
        let token = client.token();
        let wrong = client.sign(&client.proof("POST", "/once", &token));
        assert_eq!(call(&app, request("/once", &token, &wrong)).await.status, status);
    }
}
