//! CWE-645, CWE-307, ASVS V6.3.1: processes that share one Redis tell a limit that is full for a moment from one that is used up, and
//! never exceed it.

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
use palisade::rate_limit::RedisRateLimits;
use palisade::{Palisade, post, public, rate_limit};
use palisade_tests::{Answer, call, from, post as posting, request};
use serde::Deserialize;

use super::rate_limits::{PATIENT, ask, leasing, reserve, store};
use super::server::Server;

/// How many wrong passwords a handler looked at.
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

/// What one process of several has: its own connection, the same Redis.
async fn process(
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

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[actix_web::test]
async fn twelve_right_logins_at_once_over_three_processes_all_succeed() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    let all = [
        process(store(&server), &tried).await,
        process(store(&server), &tried).await,
        process(store(&server), &tried).await,
    ];
    let answers = join_all((0..12).map(|n| call(&all[n % 3], logging_in(200, 100)))).await;
    assert_eq!(count(&answers, 200), 12, "{answers:?}");
    for _ in 0..5 {
        assert_eq!(call(&all[0], logging_in(401, 0)).await.status, 401);
    }
    let refused = call(&all[1], logging_in(200, 0)).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 800, "{refused:?}");
}

#[actix_web::test]
async fn of_64_wrong_logins_at_once_over_two_processes_exactly_the_limit_is_tried() {
    let Some(server) = Server::start() else { return };
    for (round, leased) in [false, true, false].into_iter().enumerate() {
        let tried = Data::from(Arc::new(AtomicUsize::new(0)));
        let rate_limits = || match leased {
            false => store(&server),
            true => leasing(&server, 20, Duration::from_millis(100)),
        };
        let all = [process(rate_limits(), &tried).await, process(rate_limits(), &tried).await];
        let address = format!("198.51.100.{round}");
        let asked = |n: usize| call(&all[n % 2], from(&address, logging_in(401, 20)));
        let answers = join_all((0..64).map(asked)).await;
        assert_eq!((count(&answers, 401), count(&answers, 429)), (5, 59), "{answers:?}");
        assert_eq!(tried.load(Ordering::SeqCst), 5);
        for refused in answers.iter().filter(|answer| answer.status == 429) {
            let seconds: u32 = refused.header("retry-after").parse().unwrap();
            assert!(seconds == 1 || seconds > 800, "{refused:?}");
        }
        let later = call(&all[1], from(&address, logging_in(200, 0))).await;
        assert!(later.header("retry-after").parse::<u32>().unwrap() > 800, "{later:?}");
    }
}

#[actix_web::test]
async fn failures_of_the_server_are_given_back_by_address_and_by_field_with_leases_and_without() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    for (rate_limits, address) in
        [(store(&server), "198.51.100.1"), (leasing(&server, 20, Duration::from_secs(1)), "198.51.100.2")]
    {
        let app = process(rate_limits, &tried).await;
        let asked =
            |status: u16| from(address, posting("/named", &format!(r#"{{"email":"{address}","status":{status}}}"#)));
        for status in [500, 503] {
            for _ in 0..5 {
                assert_eq!(call(&app, asked(status)).await.status, status);
            }
        }
        for _ in 0..3 {
            assert_eq!(call(&app, asked(401)).await.status, 401);
        }
        assert_eq!(call(&app, asked(200)).await.status, 429);
    }
}

#[actix_web::test]
async fn who_waits_is_let_in_when_another_process_settles_and_told_when_it_does_not() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    let (here, there) = (process(store(&server), &tried).await, process(store(&server), &tried).await);
    let began = Instant::now();
    let slow = join_all((0..5).map(|_| call(&there, logging_in(200, 300))));
    let late = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        call(&here, logging_in(200, 0)).await
    };
    let (slow, late) = join(slow, late).await;
    assert_eq!((count(&slow, 200), late.status.as_u16()), (5, 200), "{late:?}");
    assert!(began.elapsed() < Duration::from_millis(1900), "it was not told in time: {:?}", began.elapsed());

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
async fn who_hangs_up_is_charged_and_in_flight_no_longer_for_other_processes_either() {
    let Some(server) = Server::start() else { return };
    let tried = Data::from(Arc::new(AtomicUsize::new(0)));
    let (here, there) = (process(store(&server), &tried).await, process(store(&server), &tried).await);
    let hung_up =
        (0..5).map(|_| tokio::time::timeout(Duration::from_millis(500), call(&there, logging_in(200, 60_000))));
    assert!(join_all(hung_up).await.iter().all(Result::is_err));
    let began = Instant::now();
    let refused = call(&here, logging_in(200, 0)).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 800, "{refused:?}");
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
}

fn pending(bucket: u64, limit: u32) -> palisade::__v1::rate_limits::ChargeRequest<'static> {
    palisade::__v1::rate_limits::ChargeRequest {
        settles_later: true,
        ..ask(bucket, limit, Duration::from_secs(3600), "ada")
    }
}

async fn refused(store: &RedisRateLimits, ask: &palisade::__v1::rate_limits::ChargeRequest<'static>) -> Cause {
    reserve(store, ask).await.expect_err("it is full").cause
}

/// What is kept or given back in the background is known a moment later.
async fn becomes(store: &RedisRateLimits, ask: &palisade::__v1::rate_limits::ChargeRequest<'static>, cause: Cause) {
    let began = Instant::now();
    while refused(store, ask).await != cause {
        assert!(began.elapsed() < PATIENT, "it stays otherwise than {cause:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_in_flight_is_known_to_the_unit_in_small_limits_and_large_ones() {
    let Some(server) = Server::start() else { return };
    let (one, other) = (store(&server), store(&server));
    for limit in [3, 40] {
        let ask = pending(u64::from(limit), limit);
        let settled = palisade::__v1::rate_limits::ChargeRequest { settles_later: false, ..ask.clone() };
        for _ in 0..limit - 2 {
            let _stays = reserve(&one, &settled).await.unwrap();
        }
        let (kept, back) = (reserve(&one, &ask).await.unwrap(), reserve(&one, &ask).await.unwrap());
        assert_eq!(refused(&other, &ask).await, Cause::InFlight);
        assert_eq!(refused(&other, &settled).await, Cause::Exhausted, "its own charge would stay");
        let three = palisade::__v1::rate_limits::ChargeRequest { cost: 3, ..ask.clone() };
        assert_eq!(refused(&other, &three).await, Cause::Exhausted, "two units are not three");
        drop(kept);
        let two = palisade::__v1::rate_limits::ChargeRequest { cost: 2, ..ask.clone() };
        becomes(&other, &two, Cause::Exhausted).await;
        assert_eq!(refused(&other, &ask).await, Cause::InFlight);
        one.release(vec![back]).await.unwrap();
        let last = reserve(&other, &ask).await.unwrap();
        drop(last);
        becomes(&one, &ask, Cause::Exhausted).await;
    }
}

#[tokio::test]
async fn what_was_leased_is_in_flight_until_its_end() {
    let Some(server) = Server::start() else { return };
    let leasing = leasing(&server, 20, Duration::from_secs(2));
    let other = store(&server);
    let ask = pending(7, 10);
    let first = reserve(&leasing, &ask).await.unwrap();
    for _ in 0..8 {
        let _kept =
            reserve(&other, &palisade::__v1::rate_limits::ChargeRequest { settles_later: false, ..ask.clone() })
                .await
                .unwrap();
    }
    drop(first);
    assert_eq!(refused(&other, &ask).await, Cause::InFlight, "a unit is leased and not used");
    let began = Instant::now();
    while reserve(&other, &ask).await.is_err() {
        assert!(began.elapsed() < PATIENT, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    becomes(&other, &ask, Cause::Exhausted).await;
}

#[tokio::test]
async fn a_reset_and_a_charge_from_before_it_leave_nothing_in_flight() {
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let ask = pending(1, 2);
    let before = reserve(&store, &ask).await.unwrap();
    store.reset(&ask).await.unwrap();
    let (one, two) = (reserve(&store, &ask).await.unwrap(), reserve(&store, &ask).await.unwrap());
    drop(before);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let both = palisade::__v1::rate_limits::ChargeRequest { cost: 2, ..ask.clone() };
    assert_eq!(refused(&store, &both).await, Cause::InFlight, "both are still at work");
    store.release(vec![one, two]).await.unwrap();
    assert_eq!(server.dump().await, "", "nothing is kept of who owes nothing");
}

#[tokio::test]
async fn what_is_in_flight_takes_eight_bytes_while_it_is_and_is_forgotten_a_minute_after_a_process_died() {
    use redis::AsyncCommands as _;
    let Some(server) = Server::start() else { return };
    let store = store(&server);
    let (old, ask) = (ask(3, 3, Duration::from_secs(3600), "ada"), pending(3, 3));
    for _ in 0..2 {
        let _stays = reserve(&store, &old).await.unwrap();
    }
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let size = async |connection: &mut redis::aio::MultiplexedConnection| {
        connection.strlen::<_, usize>(&keys[0]).await.unwrap()
    };
    assert_eq!(size(&mut connection).await, 20 + 24, "a rate limit that counts all requests takes no more than it did");
    let held = reserve(&store, &ask).await.unwrap();
    assert_eq!(size(&mut connection).await, 20 + 8 + 36);
    assert_eq!(refused(&store, &ask).await, Cause::InFlight);
    // The second in which the last unit in flight was charged stands behind the number of them: a process died a minute ago.
    let second: Vec<u8> = connection.getrange(&keys[0], 24, 27).await.unwrap();
    let ago = |seconds: u32| (u32::from_le_bytes(second.clone().try_into().unwrap()) - seconds).to_le_bytes().to_vec();
    let _: u32 = connection.setrange(&keys[0], 24, ago(50)).await.unwrap();
    assert_eq!(refused(&store, &ask).await, Cause::InFlight);
    let _: u32 = connection.setrange(&keys[0], 24, ago(62)).await.unwrap();
    assert_eq!(refused(&store, &ask).await, Cause::Exhausted);
    let _: u32 = connection.setrange(&keys[0], 24, ago(0)).await.unwrap();
    drop(held);
    becomes(&store, &ask, Cause::Exhausted).await;
    assert_eq!(size(&mut connection).await, 20 + 36);
}
