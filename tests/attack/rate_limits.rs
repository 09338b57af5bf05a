//! Brute force and flooding past a rate limit (CWE-307, CWE-770; ASVS V6.3.1, V2.4.1).

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::web::{Data, Path};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use palisade::rate_limit::RateLimitMode;
use palisade::testing::ManualClock;
use palisade::{Palisade, RateLimit, authenticated, get, post, public, rate_limit, require_role};
use palisade_tests::{bearer, builder, builder_at, call, get_request, palisade, pause, request};

#[get("/three")]
#[public]
#[rate_limit(3, "15m")]
async fn three() -> &'static str {
    "ok"
}

/// Responds with the status from the path.
#[post("/login/{status}")]
#[public]
#[rate_limit(5, "15m", count = failures)]
async fn login(status: Path<u16>) -> HttpResponse {
    pause().await;
    HttpResponse::new(StatusCode::from_u16(*status).unwrap())
}

fn logging_in(status: u16) -> actix_web::test::TestRequest {
    request(actix_web::http::Method::POST, &format!("/login/{status}"))
}

macro_rules! app {
    ($palisade:expr, $($endpoint:ident)*) => {
        init_service(App::new().service(palisade::scope("")$(.service($endpoint))*).wrap($palisade)).await
    };
}

#[actix_web::test]
async fn retry_after_is_the_remaining_time_rounded_up() {
    let clock = ManualClock::new();
    let app = app!(builder_at(&clock).build().unwrap(), three);
    for remaining in ["r=2", "r=1", "r=0"] {
        let response = call(&app, get_request("/three")).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("ratelimit-policy"), r#""three";q=3;w=900"#);
        assert!(response.header("ratelimit").starts_with(&format!(r#""three";{remaining};t="#)), "{response:?}");
        clock.advance(Duration::from_millis(100_500));
    }
    // The first of the three requests leaves the window after 900 s, which is in 598.5 s.
    let rejected = call(&app, get_request("/three")).await;
    rejected.assert_problem(429);
    assert_eq!(rejected.header("retry-after"), "599");
    assert_eq!(rejected.header("ratelimit"), r#""three";r=0;t=599"#);
    clock.advance(Duration::from_millis(598_400));
    assert_eq!(call(&app, get_request("/three")).await.header("retry-after"), "1");
    clock.advance(Duration::from_millis(600));
    assert_eq!(call(&app, get_request("/three")).await.status, 200);
}

#[actix_web::test]
async fn successes_are_refunded_and_count_stays_nonnegative() {
    let app = app!(palisade(), login);
    for _ in 0..50 {
        assert_eq!(call(&app, logging_in(200)).await.status, 200);
    }
    for _ in 0..5 {
        assert_eq!(call(&app, logging_in(401)).await.status, 401);
    }
    call(&app, logging_in(401)).await.assert_problem(429);
    call(&app, logging_in(200)).await.assert_problem(429);
}

#[actix_web::test]
async fn late_success_returns_nothing_to_next_window() {
    let clock = ManualClock::new();
    let app = app!(builder_at(&clock).build().unwrap(), login);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(call(&app, logging_in(200)))).collect();
    for waiting in &mut slow {
        assert!(waiting.as_mut().now_or_never().is_none(), "the handler is waiting");
    }
    clock.advance(Duration::from_secs(901));
    for _ in 0..5 {
        assert_eq!(call(&app, logging_in(401)).await.status, 401);
    }
    for response in join_all(slow).await {
        assert_eq!(response.status, 200);
    }
    call(&app, logging_in(401)).await.assert_problem(429);
}

#[actix_web::test]
async fn concurrent_attempts_do_not_exceed_the_limit() {
    let app = app!(palisade(), login);
    let responses = join_all((0..64).map(|_| call(&app, logging_in(401)))).await;
    assert_eq!(responses.iter().filter(|response| response.status == 401).count(), 5);
    assert_eq!(responses.iter().filter(|response| response.status == 429).count(), 59);
}

#[actix_web::test]
async fn client_that_hangs_up_stays_charged() {
    let app = app!(palisade(), login);
    for _ in 0..5 {
        let mut waiting = Box::pin(call(&app, logging_in(200)));
        assert!(waiting.as_mut().now_or_never().is_none(), "the handler is waiting");
        drop(waiting);
    }
    call(&app, logging_in(200)).await.assert_problem(429);
}

#[get("/mine")]
#[authenticated]
#[rate_limit(2, "1h", by = principal)]
async fn mine() -> &'static str {
    "mine"
}

#[actix_web::test]
async fn principal_limit_counts_only_verified_identities() {
    let app = app!(palisade(), mine);
    let as_user = |token: String| get_request("/mine").insert_header(("authorization", token));
    for _ in 0..10 {
        call(&app, as_user("Bearer alice.alice.alice".to_owned())).await.assert_problem(401);
    }
    for _ in 0..2 {
        // A new token of the same principal gets no fresh limit.
        assert_eq!(call(&app, as_user(bearer("alice", &[]))).await.status, 200);
    }
    call(&app, as_user(bearer("alice", &[]))).await.assert_problem(429);
    assert_eq!(call(&app, as_user(bearer("bob", &[]))).await.status, 200);
}

#[get("/both")]
#[require_role("admin")]
#[rate_limit(3, "1h")]
#[rate_limit(2, "1m", by = principal)]
async fn both() -> &'static str {
    "both"
}

#[actix_web::test]
async fn rejected_request_is_charged_to_no_limit() {
    let app = app!(palisade(), both);
    let request_as = |subject: &str| get_request("/both").insert_header(("authorization", bearer(subject, &["admin"])));
    assert_eq!(call(&app, request_as("a")).await.status, 200);
    assert_eq!(call(&app, request_as("a")).await.status, 200);
    for _ in 0..5 {
        call(&app, request_as("a")).await.assert_problem(429);
    }
    let response = call(&app, request_as("b")).await;
    assert_eq!(response.status, 200, "the limit of 3 for the address has one request left: {response:?}");
    assert_eq!(response.header("ratelimit-policy"), r#""both";q=3;w=3600, "both-2";q=2;w=60"#);
}

#[actix_web::test]
async fn scope_limit_covers_endpoints_and_unknown_paths() {
    let scope = palisade::scope("/api")
        .rate_limit(RateLimit::new("api", 4, Duration::from_mins(15)))
        .service(three)
        .service(login);
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/api/three")).await.status, 200);
    call(&app, get_request("/api/unknown")).await.assert_problem(404);
    call(&app, request(actix_web::http::Method::DELETE, "/api/three")).await.assert_problem(405);
    assert_eq!(call(&app, get_request("/api/three")).await.status, 200);
    for path in ["/api/three", "/api/unknown"] {
        let rejected = call(&app, get_request(path)).await;
        rejected.assert_problem(429);
        assert!(rejected.header("ratelimit").contains(r#""api";r=0"#), "{rejected:?}");
    }
    call(&app, get_request("/unknown")).await.assert_problem(404);
}

#[actix_web::test]
async fn observe_mode_counts_and_rejects_nothing() {
    let app = app!(builder().rate_limit_mode(RateLimitMode::Observe).build().unwrap(), three);
    for remaining in ["r=2", "r=1", "r=0", "r=0", "r=0"] {
        let response = call(&app, get_request("/three")).await;
        assert_eq!(response.status, 200);
        assert!(response.header("ratelimit").contains(remaining), "{response:?}");
    }
}

#[actix_web::test]
async fn address_limit_rejects_connection_without_address() {
    let app = app!(palisade(), three);
    call(&app, actix_web::test::TestRequest::with_uri("/three")).await.assert_problem(500);
}

#[actix_web::test]
async fn rotated_forwarded_header_gives_no_fresh_limit() {
    let app = app!(palisade(), three);
    let request_forwarded_for =
        |n: usize| get_request("/three").insert_header(("x-forwarded-for", format!("198.51.100.{n}")));
    for n in 0..3 {
        assert_eq!(call(&app, request_forwarded_for(n)).await.status, 200);
    }
    call(&app, request_forwarded_for(3)).await.assert_problem(429);
}

#[get("/six")]
#[public]
#[rate_limit(5, "15m", name = "q6-of-the-tests")]
async fn five_for_all_workers(served: Data<AtomicUsize>) -> &'static str {
    served.fetch_add(1, Ordering::SeqCst);
    "ok"
}

/// A common mistake that must do no harm: the builder is called inside the closure, once for each worker.
#[actix_web::test]
async fn workers_with_separate_builders_share_one_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let data = Data::from(Arc::clone(&served));
    let built = Arc::new(AtomicUsize::new(0));
    let builds = Arc::clone(&built);
    let server = HttpServer::new(move || {
        builds.fetch_add(1, Ordering::SeqCst);
        let palisade = Palisade::builder().build().unwrap();
        App::new().app_data(data.clone()).service(five_for_all_workers).wrap(palisade)
    })
    .workers(4)
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let url = format!("http://{address}/six");
    // One connection for each request, so that each worker gets a share.
    let statuses = join_all((0..64).map(|_| {
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let url = url.clone();
        async move { client.get(url).send().await.unwrap().status().as_u16() }
    }))
    .await;
    handle.stop(true).await;
    assert!(built.load(Ordering::SeqCst) >= 4, "each worker must build its own palisade");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 59, "{statuses:?}");
    assert_eq!(served.load(Ordering::SeqCst), 5);
}

#[get("/counted-first")]
#[authenticated]
#[rate_limit(2, "1h")]
async fn counted_first() -> &'static str {
    "in"
}

#[actix_web::test]
async fn address_is_counted_before_authentication() {
    let app = app!(palisade(), counted_first);
    let guessing =
        |token: &str| get_request("/counted-first").insert_header(("authorization", format!("Bearer {token}")));
    call(&app, get_request("/counted-first")).await.assert_problem(401);
    call(&app, guessing("a.guessed.token")).await.assert_problem(401);
    // The right token is rejected too, because the guesses have used up the limit.
    let right = get_request("/counted-first").insert_header(("authorization", bearer("alice", &[])));
    call(&app, right).await.assert_problem(429);
}
