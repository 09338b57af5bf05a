//! CWE-636, CWE-400: the store of rate limits is killed, suspended or slow, or loses its scripts. Each rate limit does what
//! it declares, no request hangs, no response is 500, and no restart is needed.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{Error, HttpResponse};
use palisade::rate_limit::RedisRateLimits;
use palisade::rate_limiter::RateLimitKey;
use palisade::redis::RedisConnection;
use palisade::{Palisade, RateLimiter, get, post, public, rate_limit};
use palisade_tests::{TestResponse, call, get_request, request};

use super::cluster::Cluster;
use super::rate_limits::{KEY, within};
use super::server::Server;

/// The longest time that a response may take.
const NOTHING_HANGS: Duration = Duration::from_secs(5);

#[post("/failures/{status}")]
#[public]
#[rate_limit(3, "15m", count = failures, name = "outage-failures")]
async fn failures(status: Path<u16>) -> HttpResponse {
    HttpResponse::new(StatusCode::from_u16(*status).unwrap())
}

#[get("/local")]
#[public]
#[rate_limit(3, "15m", name = "outage-local")]
async fn local() -> &'static str {
    "ok"
}

#[get("/allow")]
#[public]
#[rate_limit(3, "15m", on_outage = allow, name = "outage-allow")]
async fn allow() -> &'static str {
    "ok"
}

#[get("/deny")]
#[public]
#[rate_limit(3, "15m", on_outage = deny, name = "outage-deny")]
async fn deny() -> &'static str {
    "ok"
}

#[get("/observed")]
#[public]
#[rate_limit(3, "15m", on_outage = deny, observe, name = "outage-observed")]
async fn observed() -> &'static str {
    "ok"
}

/// The timeout is long enough for a busy machine. `rate_limit_outage` tests the timeout itself.
async fn app(url: &str) -> (RateLimiter, impl App + use<>) {
    app_on(within(Duration::from_secs(1), url)).await
}

async fn app_on(rate_limits: RedisRateLimits) -> (RateLimiter, impl App + use<>) {
    let palisade = Palisade::builder().rate_limit_store(rate_limits).build().unwrap();
    let limiter = palisade.rate_limiter();
    let scope = palisade::scope("").service(failures).service(local).service(allow).service(deny).service(observed);
    let app = init_service(actix_web::App::new().service(scope).wrap(palisade)).await;
    (limiter, app)
}

trait App: Service<actix_http::Request, Response = ServiceResponse<EitherBody<BoxBody>>, Error = Error> {}

impl<S> App for S where S: Service<actix_http::Request, Response = ServiceResponse<EitherBody<BoxBody>>, Error = Error> {}

/// Each caller has an address of its own, so that tests do not share counts in the memory of the process.
static ADDRESS: AtomicU64 = AtomicU64::new(0);

struct Caller(String);

impl Caller {
    fn new() -> Self {
        let number = ADDRESS.fetch_add(1, Ordering::Relaxed);
        let address = std::net::Ipv4Addr::from_bits(0xC612_0000 + u32::try_from(number).unwrap());
        Self(format!("{address}:4711"))
    }

    async fn get(&self, app: &impl App, path: &str) -> TestResponse {
        bounded(call(app, get_request(path).peer_addr(self.0.parse().unwrap()))).await
    }

    async fn post(&self, app: &impl App, path: &str) -> TestResponse {
        bounded(call(app, request(Method::POST, path).peer_addr(self.0.parse().unwrap()))).await
    }
}

async fn bounded(response: impl Future<Output = TestResponse>) -> TestResponse {
    let response = tokio::time::timeout(NOTHING_HANGS, response).await.expect("the request hangs");
    assert!(response.status != 500, "{response:?}");
    response
}

/// This must hold for every kind of outage.
async fn assert_each_rate_limit_does_what_it_declares(app: &impl App) {
    let caller = Caller::new();
    for path in ["/failures/401", "/failures/200"] {
        let rejected = caller.post(app, path).await;
        rejected.assert_problem(503);
        assert_eq!(rejected.header("retry-after"), "1");
    }
    caller.get(app, "/deny").await.assert_problem(503);
    for _ in 0..10 {
        assert_eq!(caller.get(app, "/allow").await.status, 200);
        assert_eq!(caller.get(app, "/observed").await.status, 200);
    }
    for status in [200, 200, 200, 429, 429] {
        assert_eq!(caller.get(app, "/local").await.status, status);
    }
    assert_eq!(Caller::new().get(app, "/local").await.status, 200);
}

async fn assert_recovers(app: &impl App) {
    wait_until_redis_responds(app).await;
    assert_all_limits_count(app).await;
}

async fn wait_until_redis_responds(app: &impl App) {
    let began = Instant::now();
    let caller = Caller::new();
    while caller.get(app, "/deny").await.status == 503 {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn assert_all_limits_count(app: &impl App) {
    let caller = Caller::new();
    for path in ["/local", "/allow", "/deny"] {
        for status in [200, 200, 200, 429] {
            assert_eq!(caller.get(app, path).await.status, status, "{path}");
        }
    }
    for status in [401, 200, 401, 200, 401] {
        assert_eq!(caller.post(app, &format!("/failures/{status}")).await.status, status);
    }
    caller.post(app, "/failures/200").await.assert_problem(429);
}

#[actix_web::test]
async fn killed_store_recovers() {
    let Some(mut server) = Server::start() else { return };
    let (_, app) = app(&server.url()).await;
    assert_all_limits_count(&app).await;
    server.kill();
    assert_each_rate_limit_does_what_it_declares(&app).await;
    assert_each_rate_limit_does_what_it_declares(&app).await;
    server.restart();
    assert_recovers(&app).await;
}

#[actix_web::test]
async fn unreachable_store_follows_each_declaration() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (limiter, app) = app(&format!("redis://{free}/")).await;
    assert_each_rate_limit_does_what_it_declares(&app).await;
    let key = RateLimitKey::address([192, 0, 2, 1].into());
    const DENY: palisade::RateLimit = palisade::RateLimit::new("programmatic", 1, Duration::from_secs(60))
        .on_outage(palisade::rate_limit::OnStoreFailure::Deny);
    assert_eq!(limiter.check(&DENY, &key).await.unwrap_err(), palisade::rate_limiter::RateLimitError::Unavailable);
    let open = DENY.on_outage(palisade::rate_limit::OnStoreFailure::Allow);
    for _ in 0..3 {
        assert_eq!(limiter.check(&open, &key).await.unwrap().status(), None);
    }
    let here = DENY.on_outage(palisade::rate_limit::OnStoreFailure::Local);
    assert_eq!(limiter.check(&here, &key).await.unwrap().status().unwrap().remaining, 0);
    assert!(limiter.check(&here, &key).await.is_err());
    assert_eq!(limiter.reset(&here, &key).await.unwrap_err(), palisade::rate_limiter::RateLimitError::Unavailable);
}

#[actix_web::test]
async fn suspended_store_recovers() {
    let Some(server) = Server::start() else { return };
    let (_, app) = app(&server.url()).await;
    assert_all_limits_count(&app).await;
    server.pause();
    assert_each_rate_limit_does_what_it_declares(&app).await;
    server.resume();
    assert_recovers(&app).await;
}

#[actix_web::test]
async fn flushed_scripts_are_loaded_again() {
    let Some(server) = Server::start() else { return };
    let (_, app) = app(&server.url()).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for _ in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
        assert_all_limits_count(&app).await;
    }
}

/// Forwards bytes in both directions, delayed by this many milliseconds.
fn slow(port: u16, delay: &Arc<AtomicU64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let delay = Arc::clone(delay);
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok).take(100) {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let ways = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
            for (mut from, mut to) in ways {
                let delay = Arc::clone(&delay);
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        std::thread::sleep(Duration::from_millis(delay.load(Ordering::Relaxed)));
                        if to.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    address.port()
}

#[actix_web::test]
async fn slow_store_counts_as_outage() {
    let Some(server) = Server::start() else { return };
    let delay = Arc::new(AtomicU64::new(0));
    let url = format!("redis://127.0.0.1:{}/", slow(server.port(), &delay));
    let rate_limits = within(Duration::from_millis(150), &url);
    let (_, app) = app_on(rate_limits).await;
    wait_until_redis_responds(&app).await;
    // Several times the timeout, because a busy thread measures again.
    delay.store(500, Ordering::Relaxed);
    assert_each_rate_limit_does_what_it_declares(&app).await;
    delay.store(0, Ordering::Relaxed);
    wait_until_redis_responds(&app).await;
}

#[derive(serde::Deserialize)]
struct Named {
    email: String,
}

#[post("/named")]
#[public]
#[rate_limit(3, "1h", by = field(body.email), count = failures, on_outage = local)]
async fn named(body: actix_web::web::Json<Named>) -> HttpResponse {
    let _ = &body.email;
    HttpResponse::Unauthorized().finish()
}

#[actix_web::test]
async fn rejection_stays_if_known_address_lookup_fails() {
    let Some(server) = Server::start() else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let rate_limits = within(Duration::from_secs(2), &server.url());
    let palisade = Palisade::builder().rate_limit_store(rate_limits).build().unwrap();
    let app = init_service(actix_web::App::new().service(palisade::scope("").service(named)).wrap(palisade)).await;
    let name = format!("ann-{}", server.port());
    let attempt = async || {
        call(&app, palisade_tests::post_request("/named", &format!(r#"{{"email":{name:?}}}"#))).await.status.as_u16()
    };
    for _ in 0..3 {
        assert_eq!(attempt().await, 401);
    }
    // From here on, only the second of the two calls fails: the script that reads is not loaded, and `EVAL` is forbidden.
    let () = redis::cmd("ACL").arg("SETUSER").arg("default").arg("-eval").query_async(&mut connection).await.unwrap();
    for _ in 0..4 {
        assert_eq!(attempt().await, 429, "Redis rejected, so the local store must not be used");
    }
}

#[actix_web::test]
async fn cluster_failover_follows_each_declaration() {
    let Some(mut cluster) = Cluster::start() else { return };
    // Longer than a busy machine delays a process, shorter than a test waits for a response.
    let urls = cluster.urls();
    let redis = RedisConnection::cluster(urls.iter().map(String::as_str), "tests", KEY);
    let redis = redis.timeout(Duration::from_millis(500)).build().unwrap();
    let (_, app) = app_on(RedisRateLimits::new(&redis)).await;
    assert_recovers(&app).await;
    cluster.kill_a_primary();
    let began = Instant::now();
    let (mut denied, mut well_in_a_row) = (0, 0);
    // Clients of the dead node get the responses that their rate limits declare, the others are not affected; then the
    // replica takes over.
    while well_in_a_row < 40 {
        assert!(began.elapsed() < Duration::from_secs(90), "it does not recover: {denied} denied");
        let caller = Caller::new();
        let closed = [caller.get(&app, "/deny").await, caller.post(&app, "/failures/401").await];
        for (response, otherwise) in closed.iter().zip([200, 401]) {
            let status = response.status.as_u16();
            assert!(status == 503 || status == otherwise, "{response:?}");
            assert_eq!(response.header("retry-after").is_empty(), status != 503, "{response:?}");
            denied += u32::from(status == 503);
            well_in_a_row = if status == 503 { 0 } else { well_in_a_row + 1 };
        }
        for path in ["/allow", "/observed", "/local"] {
            assert_eq!(caller.get(&app, path).await.status, 200, "{path}");
        }
    }
    assert!(denied > 0, "the outage was not noticed: nothing was tested");
    assert_all_limits_count(&app).await;
}
