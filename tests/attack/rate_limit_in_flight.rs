//! CWE-645, CWE-307, CWE-770: a limit that counts failures charges each request before its outcome is known. Requests
//! in flight must not use the limit up for good, and must never exceed it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Json, Path};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::FutureExt as _;
use futures_util::future::{join_all, join3};
use palisade::rate_limit::Count;
use palisade::rate_limiter::{RateLimitError, RateLimitKey};
use palisade::testing::ManualClock;
use palisade::{Palisade, RateLimit, post, public, rate_limit};
use palisade_tests::{TestResponse, builder, builder_at, call, from, palisade, post_request, request};
use serde::Deserialize;

macro_rules! app {
    ($palisade:expr, $($endpoint:ident)*) => {
        init_service(App::new().service(palisade::scope("")$(.service($endpoint))*).wrap($palisade)).await
    };
}

fn count(responses: &[TestResponse], status: u16) -> usize {
    responses.iter().filter(|response| response.status == status).count()
}

/// Responds with the status from the path, after that many milliseconds.
#[post("/login/{status}/{millis}")]
#[public]
#[rate_limit(5, "15m", count = failures)]
async fn login(path: Path<(u16, u64)>) -> HttpResponse {
    let (status, millis) = *path;
    tokio::time::sleep(Duration::from_millis(millis)).await;
    HttpResponse::new(StatusCode::from_u16(status).unwrap())
}

fn logging_in(status: u16, millis: u64) -> TestRequest {
    request(Method::POST, &format!("/login/{status}/{millis}"))
}

#[actix_web::test]
async fn concurrent_successful_logins_all_succeed() {
    let app = app!(palisade(), login);
    let responses = join_all((0..12).map(|_| call(&app, logging_in(200, 100)))).await;
    assert_eq!(count(&responses, 200), 12, "{responses:?}");
    let failed_logins = join_all((0..12).map(|_| call(&app, logging_in(401, 100)))).await;
    assert_eq!((count(&failed_logins, 401), count(&failed_logins, 429)), (5, 7), "{failed_logins:?}");
}

#[actix_web::test]
async fn concurrent_wrong_logins_are_tried_up_to_limit() {
    for millis in [0, 1, 50] {
        let app = app!(palisade(), login);
        let responses = join_all((0..64).map(|_| call(&app, logging_in(401, millis)))).await;
        assert_eq!((count(&responses, 401), count(&responses, 429)), (5, 59));
        for rejected in responses.iter().filter(|response| response.status == 429) {
            rejected.assert_problem(429);
            assert_eq!(
                rejected.header("retry-after"),
                "900",
                "the limit was used up at the time of the decision: {rejected:?}"
            );
        }
    }
}

#[actix_web::test]
async fn concurrent_mixed_logins_fail_up_to_the_limit() {
    let app = app!(palisade(), login);
    let mixed = (0..40).map(|n| call(&app, logging_in(if n % 3 == 0 { 401 } else { 200 }, 20)));
    let responses = join_all(mixed).await;
    assert_eq!(count(&responses, 401), 5, "{responses:?}");
    assert!(count(&responses, 200) >= 6, "those that came before the fifth failure succeed: {responses:?}");
    assert_eq!(count(&responses, 200) + count(&responses, 401) + count(&responses, 429), 40);
    call(&app, logging_in(200, 0)).await.assert_problem(429);
}

#[actix_web::test]
async fn request_waits_boundedly_for_those_in_flight() {
    let app = app!(palisade(), login);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(call(&app, logging_in(200, 4000)))).collect();
    for waiting in &mut slow {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    let began = Instant::now();
    let rejected = call(&app, logging_in(200, 0)).await;
    rejected.assert_problem(429);
    assert_eq!(rejected.header("retry-after"), "1");
    assert_eq!(rejected.header("ratelimit"), r#""login";r=0;t=1"#);
    assert!(began.elapsed() >= Duration::from_millis(1900), "the request must wait: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(3500), "the wait must be bounded: {:?}", began.elapsed());
    // Requests of clients that hang up stay charged, and no longer count as in flight.
    drop(slow);
    let began = Instant::now();
    let rejected = call(&app, logging_in(200, 0)).await;
    assert_eq!((rejected.status.as_u16(), rejected.header("retry-after")), (429, "900"));
    assert!(began.elapsed() < Duration::from_millis(1000), "there is nothing to wait for: {:?}", began.elapsed());
}

#[actix_web::test]
async fn waiter_wakes_when_earlier_requests_hang_up() {
    let app = app!(palisade(), login);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(call(&app, logging_in(200, 60_000)))).collect();
    for waiting in &mut slow {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    let began = Instant::now();
    let hang_up = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(slow);
    };
    let (one, two, ()) = join3(call(&app, logging_in(200, 0)), call(&app, logging_in(200, 0)), hang_up).await;
    for rejected in [one, two] {
        assert_eq!((rejected.status.as_u16(), rejected.header("retry-after")), (429, "900"));
    }
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[actix_web::test]
async fn cancelled_waiter_passes_its_turn_on() {
    let app = app!(palisade(), login);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(call(&app, logging_in(200, 300)))).collect();
    for waiting in &mut slow {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    let mut gone: Vec<_> = (0..10).map(|_| Box::pin(call(&app, logging_in(401, 0)))).collect();
    for waiting in &mut gone {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    let mut last = Box::pin(call(&app, logging_in(200, 0)));
    assert!(last.as_mut().now_or_never().is_none());
    drop(gone);
    let (responses, last) = futures_util::future::join(join_all(slow), last).await;
    assert_eq!((count(&responses, 200), last.status.as_u16()), (5, 200));
    // Waiting alone charges nobody.
    for _ in 0..5 {
        assert_eq!(call(&app, logging_in(401, 0)).await.status, 401);
    }
    call(&app, logging_in(401, 0)).await.assert_problem(429);
}

#[actix_web::test]
async fn at_most_64_requests_wait_per_client() {
    let app = app!(palisade(), login);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(call(&app, logging_in(200, 500)))).collect();
    for waiting in &mut slow {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    let mut many: Vec<_> = (0..200).map(|_| Box::pin(call(&app, logging_in(200, 0)))).collect();
    let rejected: Vec<TestResponse> = many.iter_mut().filter_map(|one| one.as_mut().now_or_never()).collect();
    assert_eq!(rejected.len(), 136);
    for rejected in &rejected {
        rejected.assert_problem(429);
        assert_eq!(rejected.header("retry-after"), "1");
    }
    // They do not delay other clients.
    assert_eq!(call(&app, from("198.51.100.7", logging_in(200, 0))).await.status, 200);
}

#[actix_web::test]
async fn waiting_time_is_configurable() {
    let app = app!(builder().rate_limit_wait(Duration::ZERO).build().unwrap(), login);
    let responses = join_all((0..12).map(|_| call(&app, logging_in(200, 50)))).await;
    assert_eq!((count(&responses, 200), count(&responses, 429)), (5, 7));
    for rejected in responses.iter().filter(|response| response.status == 429) {
        assert_eq!(rejected.header("retry-after"), "1", "{rejected:?}");
    }
    let app = app!(builder().rate_limit_wait(Duration::from_millis(200)).build().unwrap(), login);
    let began = Instant::now();
    let responses = join_all((0..12).map(|_| call(&app, logging_in(200, 600)))).await;
    assert_eq!((count(&responses, 200), count(&responses, 429)), (5, 7));
    assert!(began.elapsed() >= Duration::from_millis(600));
    let mistake = builder().rate_limit_wait(Duration::from_secs(31)).build().unwrap_err();
    assert!(mistake.to_string().contains("30 seconds"), "{mistake}");
    assert!(builder().rate_limit_wait(Duration::from_secs(30)).build().is_ok());
}

#[post("/all/{millis}")]
#[public]
#[rate_limit(5, "15m")]
async fn all(millis: Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(*millis)).await;
    "ok"
}

#[actix_web::test]
async fn limit_on_all_requests_never_waits() {
    let app = app!(palisade(), all);
    let began = Instant::now();
    let responses = join_all((0..12).map(|_| call(&app, request(Method::POST, "/all/100")))).await;
    assert_eq!((count(&responses, 200), count(&responses, 429)), (5, 7));
    for rejected in responses.iter().filter(|response| response.status == 429) {
        assert_eq!(rejected.header("retry-after"), "900");
    }
    assert!(began.elapsed() < Duration::from_millis(1500));
}

#[derive(Deserialize)]
struct Named {
    email: String,
    status: u16,
}

#[post("/named")]
#[public]
#[rate_limit(5, "15m", count = failures)]
#[rate_limit(3, "15m", by = field(body.email), count = failures, name = "named-account")]
async fn named(body: Json<Named>) -> HttpResponse {
    let _ = &body.email;
    tokio::time::sleep(Duration::from_millis(50)).await;
    HttpResponse::new(StatusCode::from_u16(body.status).unwrap())
}

#[actix_web::test]
async fn waiting_for_name_and_address_does_not_deadlock() {
    let app = app!(palisade(), named);
    let request_number = |n: u32, status: u16| {
        let body = format!(r#"{{"email":"user-{}","status":{status}}}"#, n % 2);
        from(&format!("198.51.100.{}", n % 3), post_request("/named", &body))
    };
    let responses = join_all((0..30).map(|n| call(&app, request_number(n, 200)))).await;
    assert_eq!(count(&responses, 200), 30, "{responses:?}");
    let failed_logins = join_all((0..60).map(|n| call(&app, request_number(n, 401)))).await;
    // Each of the three addresses has logged in with each name, so at the limit of the name each address still has
    // its own count, up to the limit of the address.
    assert_eq!(count(&failed_logins, 401) + count(&failed_logins, 429), 60, "{failed_logins:?}");
    assert!((6..=15).contains(&count(&failed_logins, 401)), "{}", count(&failed_logins, 401));
}

#[post("/costly/{status}")]
#[public]
#[rate_limit(5, "15m", count = failures, cost = 3)]
async fn costly(status: Path<u16>) -> HttpResponse {
    tokio::time::sleep(Duration::from_millis(50)).await;
    HttpResponse::new(StatusCode::from_u16(*status).unwrap())
}

#[actix_web::test]
async fn exhaustion_is_measured_in_units_not_requests() {
    let app = app!(palisade(), costly);
    let request_for = |status: u16| request(Method::POST, &format!("/costly/{status}"));
    let responses = join_all((0..4).map(|_| call(&app, request_for(200)))).await;
    assert_eq!(count(&responses, 200), 4, "{responses:?}");
    assert_eq!(call(&app, request_for(401)).await.status, 401);
    let began = Instant::now();
    let rejected = call(&app, request_for(200)).await;
    assert_eq!((rejected.status.as_u16(), rejected.header("retry-after")), (429, "900"), "two of five units are left");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[actix_web::test]
async fn outlived_charge_returns_nothing_to_next_window() {
    let clock = ManualClock::new();
    let app = app!(builder_at(&clock).build().unwrap(), login);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(call(&app, logging_in(200, 200)))).collect();
    for waiting in &mut slow {
        assert!(waiting.as_mut().now_or_never().is_none());
    }
    clock.advance(Duration::from_secs(901));
    for _ in 0..5 {
        assert_eq!(call(&app, logging_in(401, 0)).await.status, 401);
    }
    let (old, rejected) = futures_util::future::join(join_all(slow), call(&app, logging_in(401, 0))).await;
    assert_eq!(count(&old, 200), 5);
    assert_eq!((rejected.status.as_u16(), rejected.header("retry-after")), (429, "900"));
}

#[post("/short/{status}")]
#[public]
#[rate_limit(2, "1s", count = failures)]
async fn short(status: Path<u16>) -> HttpResponse {
    tokio::time::sleep(Duration::from_millis(1700)).await;
    HttpResponse::new(StatusCode::from_u16(*status).unwrap())
}

#[actix_web::test]
async fn waiter_is_admitted_when_the_window_moves() {
    let app = app!(Palisade::builder().build().unwrap(), short);
    let began = Instant::now();
    let call_for = |status: u16| call(&app, from("198.51.100.99", request(Method::POST, &format!("/short/{status}"))));
    let responses = join_all([call_for(200), call_for(200), call_for(401)]).await;
    assert_eq!((count(&responses, 200), count(&responses, 401)), (2, 1), "{responses:?}");
    assert!((2700..3300).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

const PROBES: RateLimit = RateLimit::new("in-flight-probes", 2, Duration::from_mins(15)).count(Count::Failures);

#[actix_web::test]
async fn limiter_in_handler_waits_like_the_attribute() {
    let limiter = builder().rate_limit_wait(Duration::from_millis(300)).build().unwrap().rate_limiter();
    let key = RateLimitKey::address([203, 0, 113, 9].into());
    let (one, two) = (limiter.check(&PROBES, &key).await.unwrap(), limiter.check(&PROBES, &key).await.unwrap());
    let began = Instant::now();
    let rejected = limiter.check(&PROBES, &key).await.unwrap_err();
    assert_eq!(rejected, RateLimitError::RateLimited { retry_after: Duration::from_secs(1) });
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
    let settle = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        one.refund().await;
    };
    let (third, ()) = futures_util::future::join(limiter.check(&PROBES, &key), settle).await;
    // A dropped permit stays charged, and no longer counts as in flight.
    drop((two, third.unwrap()));
    let rejected = limiter.check(&PROBES, &key).await.unwrap_err();
    assert_eq!(rejected, RateLimitError::RateLimited { retry_after: Duration::from_secs(900) });
}

#[actix_web::test]
async fn reset_admits_waiters() {
    let limiter = builder().build().unwrap().rate_limiter();
    let key = RateLimitKey::address([203, 0, 113, 10].into());
    let held = [limiter.check(&PROBES, &key).await.unwrap(), limiter.check(&PROBES, &key).await.unwrap()];
    let began = Instant::now();
    let reset = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        limiter.reset(&PROBES, &key).await.unwrap();
    };
    let (third, ()) = futures_util::future::join(limiter.check(&PROBES, &key), reset).await;
    assert!(third.is_ok() && began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    drop(held);
}

#[actix_web::test]
async fn four_workers_share_the_requests_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let palisade = builder().build().unwrap();
    let server = HttpServer::new(move || App::new().service(palisade::scope("").service(login)).wrap(palisade.clone()));
    let server = server.workers(4).listen(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    // One connection for each request, so that each worker gets a share.
    let statuses_of = async |many: usize, path: &str| {
        let url = format!("http://{address}{path}");
        join_all((0..many).map(|_| {
            let (client, url) = (reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap(), url.clone());
            async move {
                let response = client.post(url).send().await.unwrap();
                let retry_after =
                    response.headers().get("retry-after").map(|retry_after| retry_after.to_str().unwrap().to_owned());
                (response.status().as_u16(), retry_after.unwrap_or_default())
            }
        }))
        .await
    };
    for round in 0..3 {
        let right = statuses_of(12, "/login/200/50").await;
        assert!(right.iter().all(|(status, _)| *status == 200), "round {round}: {right:?}");
    }
    let wrong = statuses_of(64, "/login/401/50").await;
    handle.stop(true).await;
    assert_eq!(wrong.iter().filter(|(status, _)| *status == 401).count(), 5, "{wrong:?}");
    assert_eq!(
        wrong.iter().filter(|(status, retry_after)| *status == 429 && retry_after == "900").count(),
        59,
        "{wrong:?}"
    );
}
