//! CWE-645, CWE-307, ASVS V6.3.1: processes that share one Redis distinguish a limit that is full for a moment from one that
//! is used up, and never exceed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::test::init_service;
use actix_web::web::{Data, Json, Path};
use actix_web::{App, Error, HttpResponse};
use futures_util::future::{join, join_all};
use palisade::__v1::rate_limits::Cause;
use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::rate_limit::RedisRateLimits;
use palisade::{Palisade, post, public, rate_limit};
use palisade_tests::{TestResponse, call, from, post_request, request};
use serde::Deserialize;

use super::rate_limits::{PATIENT, charge_request, leasing, reserve, store};
use super::server::Server;

/// How many wrong passwords reached a handler.
type Tried = Data<AtomicUsize>;

#[post("/login/{status}/{millis}")]
#[public]
#[rate_limit(5, "15m", count = failures)]
async fn login(path: Path<(u16, u64)>, tried: Tried) -> HttpResponse {
    let (status, millis) = *path;
    tried.fetch_add(usize::from(status == 401), Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(millis)).await;
    HttpResponse::new(StatusCode::from_u16(status).unwrap())
}

#[derive(Deserialize)]
struct Named {
    email: String,
    status: u16,
}

#[post("/named")]
#[public]
#[rate_limit(3, "15m", by = [ip, field(body.email)], count = failures)]
async fn named(body: Json<Named>) -> HttpResponse {
    let _ = &body.email;
    HttpResponse::new(StatusCode::from_u16(body.status).unwrap())
}

/// The application of one of several processes, with its own connection to the same Redis.
async fn start_process(
    rate_limits: RedisRateLimits,
    tried: &Tried,
) -> impl Service<actix_http::Request, Response = Response, Error = Error> + use<> {
    let palisade = Palisade::builder().rate_limit_store(rate_limits).build().unwrap();
    let scope = palisade::scope("").service(login).service(named);
    init_service(App::new().app_data(tried.clone()).service(scope).wrap(palisade)).await
}

type Response = ServiceResponse<EitherBody<BoxBody>>;

fn logging_in(status: u16, millis: u64) -> actix_web::test::TestRequest {
    request(Method::POST, &format!("/login/{status}/{millis}"))
}

fn count(responses: &[TestResponse], status: u16) -> usize {
    responses.iter().filter(|response| response.status == status).count()
}

#[actix_web::test]
async fn concurrent_successful_logins_in_three_processes_all_succeed() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    let all = [
        start_process(store(&server), &tried).await,
        start_process(store(&server), &tried).await,
        start_process(store(&server), &tried).await,
    ];
    let responses = join_all((0..12).map(|n| call(&all[n % 3], logging_in(200, 100)))).await;
    assert_eq!(count(&responses, 200), 12, "{responses:?}");
    for _ in 0..5 {
        assert_eq!(call(&all[0], logging_in(401, 0)).await.status, 401);
    }
    let rejected = call(&all[1], logging_in(200, 0)).await;
    assert_eq!(rejected.status, 429);
    assert!(rejected.header("retry-after").parse::<u32>().unwrap() > 800, "{rejected:?}");
}

#[actix_web::test]
async fn concurrent_failed_logins_in_two_processes_reach_the_limit() {
    let Some(server) = Server::start() else { return };
    for (round, leased) in [false, true, false].into_iter().enumerate() {
        let tried = Data::from(Arc::new(AtomicUsize::new(0)));
        let rate_limits = || match leased {
            false => store(&server),
            true => leasing(&server, 20, Duration::from_millis(100)),
        };
        let all = [start_process(rate_limits(), &tried).await, start_process(rate_limits(), &tried).await];
        let address = format!("198.51.100.{round}");
        let attempt = |n: usize| call(&all[n % 2], from(&address, logging_in(401, 20)));
        let responses = join_all((0..64).map(attempt)).await;
        assert_eq!((count(&responses, 401), count(&responses, 429)), (5, 59), "{responses:?}");
        assert_eq!(tried.load(Ordering::SeqCst), 5);
        for rejected in responses.iter().filter(|response| response.status == 429) {
            let seconds: u32 = rejected.header("retry-after").parse().unwrap();
            assert!(seconds == 1 || seconds > 800, "{rejected:?}");
        }
        let later = call(&all[1], from(&address, logging_in(200, 0))).await;
        assert!(later.header("retry-after").parse::<u32>().unwrap() > 800, "{later:?}");
    }
}

#[actix_web::test]
async fn server_errors_are_refunded_with_and_without_leases() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    for (rate_limits, address) in
        [(store(&server), "198.51.100.1"), (leasing(&server, 20, Duration::from_secs(1)), "198.51.100.2")]
    {
        let app = start_process(rate_limits, &tried).await;
        let attempt = |status: u16| {
            from(address, post_request("/named", &format!(r#"{{"email":"{address}","status":{status}}}"#)))
        };
        for status in [500, 503] {
            for _ in 0..5 {
                assert_eq!(call(&app, attempt(status)).await.status, status);
            }
        }
        for _ in 0..3 {
            assert_eq!(call(&app, attempt(401)).await.status, 401);
        }
        assert_eq!(call(&app, attempt(200)).await.status, 429);
    }
}

#[actix_web::test]
async fn waiting_request_is_woken_by_another_process() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    let (here, there) = (start_process(store(&server), &tried).await, start_process(store(&server), &tried).await);
    let began = Instant::now();
    let slow = join_all((0..5).map(|_| call(&there, logging_in(200, 300))));
    let late = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        call(&here, logging_in(200, 0)).await
    };
    let (slow, late) = join(slow, late).await;
    assert_eq!((count(&slow, 200), late.status.as_u16()), (5, 200), "{late:?}");
    assert!(
        began.elapsed() < Duration::from_millis(1900),
        "the waiting request was not woken in time: {:?}",
        began.elapsed()
    );

    let slow = join_all((0..5).map(|_| call(&there, logging_in(200, 4000))));
    let late = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let late = call(&here, logging_in(200, 0)).await;
        assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
        late
    };
    let (_, late) = join(slow, late).await;
    assert_eq!((late.status.as_u16(), late.header("retry-after")), (429, "1"));
}

#[actix_web::test]
async fn disconnected_client_stays_charged_but_not_in_flight() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    let (here, there) = (start_process(store(&server), &tried).await, start_process(store(&server), &tried).await);
    let hung_up =
        (0..5).map(|_| tokio::time::timeout(Duration::from_millis(500), call(&there, logging_in(200, 60_000))));
    assert!(join_all(hung_up).await.iter().all(Result::is_err));
    let began = Instant::now();
    let rejected = call(&here, logging_in(200, 0)).await;
    assert_eq!(rejected.status, 429);
    assert!(rejected.header("retry-after").parse::<u32>().unwrap() > 800, "{rejected:?}");
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
}

fn pending(bucket: u64, limit: u32) -> palisade::__v1::rate_limits::ChargeRequest<'static> {
    palisade::__v1::rate_limits::ChargeRequest {
        settles_later: true,
        ..charge_request(bucket, limit, Duration::from_secs(3600), "ada")
    }
}

async fn rejected(store: &RedisRateLimits, request: &palisade::__v1::rate_limits::ChargeRequest<'static>) -> Cause {
    reserve(store, request).await.expect_err("it is full").cause
}

/// Waits, because charges are kept and refunded in the background.
async fn wait_for_cause(
    store: &RedisRateLimits,
    request: &palisade::__v1::rate_limits::ChargeRequest<'static>,
    cause: Cause,
) {
    let began = Instant::now();
    while rejected(store, request).await != cause {
        assert!(began.elapsed() < PATIENT, "the cause does not become {cause:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn in_flight_units_are_counted_exactly() {
    let Some(server) = Server::start() else { return };
    let (one, other) = (store(&server), store(&server));
    for limit in [3, 40] {
        let request = pending(u64::from(limit), limit);
        let settled = palisade::__v1::rate_limits::ChargeRequest { settles_later: false, ..request.clone() };
        for _ in 0..limit - 2 {
            let _stays = reserve(&one, &settled).await.unwrap();
        }
        let (kept, back) = (reserve(&one, &request).await.unwrap(), reserve(&one, &request).await.unwrap());
        assert_eq!(rejected(&other, &request).await, Cause::InFlight);
        assert_eq!(
            rejected(&other, &settled).await,
            Cause::Exhausted,
            "a request that does not settle later does not wait"
        );
        let three = palisade::__v1::rate_limits::ChargeRequest { cost: 3, ..request.clone() };
        assert_eq!(rejected(&other, &three).await, Cause::Exhausted, "two units in flight do not make room for three");
        drop(kept);
        let two = palisade::__v1::rate_limits::ChargeRequest { cost: 2, ..request.clone() };
        wait_for_cause(&other, &two, Cause::Exhausted).await;
        assert_eq!(rejected(&other, &request).await, Cause::InFlight);
        one.refund(vec![back]).await.unwrap();
        let last = reserve(&other, &request).await.unwrap();
        drop(last);
        wait_for_cause(&one, &request, Cause::Exhausted).await;
    }
}

#[tokio::test]
async fn unused_leased_units_are_in_flight() {
    let Some(server) = Server::start() else { return };
    let leasing = leasing(&server, 20, Duration::from_secs(2));
    let other = store(&server);
    let request = pending(7, 10);
    let first = reserve(&leasing, &request).await.unwrap();
    for _ in 0..8 {
        let _kept =
            reserve(&other, &palisade::__v1::rate_limits::ChargeRequest { settles_later: false, ..request.clone() })
                .await
                .unwrap();
    }
    drop(first);
    assert_eq!(rejected(&other, &request).await, Cause::InFlight, "the unused unit of the lease is in flight");
    let began = Instant::now();
    while reserve(&other, &request).await.is_err() {
        assert!(began.elapsed() < PATIENT, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wait_for_cause(&other, &request, Cause::Exhausted).await;
}

#[tokio::test]
async fn reset_leaves_nothing_in_flight() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let request = pending(1, 2);
    let before = reserve(&store, &request).await.unwrap();
    store.reset(&request).await.unwrap();
    let (one, two) = (reserve(&store, &request).await.unwrap(), reserve(&store, &request).await.unwrap());
    drop(before);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let both = palisade::__v1::rate_limits::ChargeRequest { cost: 2, ..request.clone() };
    assert_eq!(rejected(&store, &both).await, Cause::InFlight, "both are still in flight");
    store.refund(vec![one, two]).await.unwrap();
    assert_eq!(server.dump().await, "", "a client without charges must have no key");
}

#[tokio::test]
async fn in_flight_count_expires_after_a_minute() {
    use redis::AsyncCommands as _;
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let (old, request) = (charge_request(3, 3, Duration::from_secs(3600), "ada"), pending(3, 3));
    for _ in 0..2 {
        let _stays = reserve(&store, &old).await.unwrap();
    }
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let size = async |connection: &mut redis::aio::MultiplexedConnection| {
        connection.strlen::<_, usize>(&keys[0]).await.unwrap()
    };
    assert_eq!(size(&mut connection).await, 20 + 24, "a rate limit that counts all requests has no in-flight part");
    let held = reserve(&store, &request).await.unwrap();
    assert_eq!(size(&mut connection).await, 20 + 8 + 36);
    assert_eq!(rejected(&store, &request).await, Cause::InFlight);
    // The number of units in flight is followed by the second in which the last of them was charged. The test moves it a
    // minute back, as if a process had died then.
    let second: Vec<u8> = connection.getrange(&keys[0], 24, 27).await.unwrap();
    let ago = |seconds: u32| (u32::from_le_bytes(second.clone().try_into().unwrap()) - seconds).to_le_bytes().to_vec();
    let _: u32 = connection.setrange(&keys[0], 24, ago(50)).await.unwrap();
    assert_eq!(rejected(&store, &request).await, Cause::InFlight);
    let _: u32 = connection.setrange(&keys[0], 24, ago(62)).await.unwrap();
    assert_eq!(rejected(&store, &request).await, Cause::Exhausted);
    let _: u32 = connection.setrange(&keys[0], 24, ago(0)).await.unwrap();
    drop(held);
    wait_for_cause(&store, &request, Cause::Exhausted).await;
    assert_eq!(size(&mut connection).await, 20 + 36);
}
