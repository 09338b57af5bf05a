//! One guarded GET, for `tests/request_path/count`: an owner with a cached token, and a rate limit.

use actix_web::App;
use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Path;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::rate_limit::MemoryRateLimits;
use palisade::testing::ManualClock;
use palisade::{Palisade, get, owner, rate_limit};
use std::time::Duration;

#[get("/users/{id}")]
#[owner(id)]
#[rate_limit(100, "1m")]
async fn show_user(id: Path<String>) -> String {
    id.into_inner()
}

/// The functions that are called inside this one are counted.
#[inline(never)]
fn counted_request<F: Future>(runtime: &actix_web::rt::Runtime, call: impl FnOnce() -> F) -> F::Output {
    runtime.block_on(async { call().await })
}

fn main() {
    let secret = b"at least 32 bytes, for this measurement";
    let issuer = TokenIssuer::hs256("https://issuer.example", "my-api", secret).unwrap();
    let token = issuer.issue(&Grant::new("7", Duration::from_secs(900))).unwrap();
    let runtime = actix_web::rt::Runtime::new().unwrap();
    let app = runtime.block_on(async {
        let jwt = issuer.verifier().build().unwrap();
        // The clock stands still, so the sweep of the store, which runs at most once a millisecond, is not counted.
        let store = MemoryRateLimits::with_clock(ManualClock::new());
        let palisade = Palisade::builder().authenticator(jwt).rate_limit_store(store).build().unwrap();
        init_service(App::new().service(palisade::scope("").service(show_user)).wrap(palisade)).await
    });
    let request = || {
        let request = TestRequest::get().uri("/users/7").peer_addr(([203, 0, 113, 7], 4711).into());
        let request = request.insert_header(("authorization", format!("Bearer {token}"))).to_request();
        // As on the server, a request without a body has no payload.
        request.replace_payload(actix_web::dev::Payload::None).0
    };
    // The first request fills the cache of verified tokens.
    let (first, second) = (request(), request());
    let warm = runtime.block_on(async { app.call(first).await.unwrap() });
    assert_eq!(warm.status(), StatusCode::OK);
    let counted = counted_request(&runtime, || app.call(second)).unwrap();
    assert_eq!(counted.status(), StatusCode::OK);
}
