//! Which requests share places, and when a place is given back.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::App;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::rt::time::sleep;
use actix_web::test::init_service;
use actix_web::web::{Data, Json};
use futures_util::future::{join, join_all};
use palisade::{
    Palisade, PalisadeBuilder, RateLimit, authenticated, concurrency, get, post, public, rate_limit, timeout,
};
use palisade_tests::log::Log;
use palisade_tests::{TestResponse, builder, call, get_request, post_request};
use serde_json::Value;
use tokio::sync::watch;

/// Handlers stay inside until it is opened.
struct Gate(watch::Sender<bool>);

impl Gate {
    fn new() -> Data<Self> {
        Data::new(Self(watch::Sender::new(false)))
    }

    async fn pass(&self) {
        let _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
    }

    fn open(&self) {
        self.0.send_replace(true);
    }

    /// How many handlers are inside.
    fn inside(&self) -> usize {
        self.0.receiver_count()
    }
}

const TWO: u32 = 2;

#[get("/two")]
#[public]
#[concurrency(TWO)]
async fn two(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "two"
}

#[get("/one")]
#[public]
#[concurrency(1)]
async fn one(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "one"
}

#[get("/free")]
#[public]
async fn free(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "free"
}

#[get("/own")]
#[authenticated]
#[concurrency(1)]
async fn own() -> &'static str {
    "own"
}

#[post("/input")]
#[public]
#[concurrency(1)]
async fn input(body: Json<Value>) -> String {
    body.to_string()
}

#[get("/panics")]
#[public]
#[concurrency(1)]
async fn panics() -> &'static str {
    panic!("inside of the handler")
}

#[get("/late")]
#[public]
#[concurrency(1)]
#[timeout("50ms")]
async fn late(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "late"
}

#[get("/counted")]
#[public]
#[concurrency(1)]
#[rate_limit(2, "1h")]
async fn counted(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "counted"
}

#[get("/failures")]
#[public]
#[concurrency(1)]
#[rate_limit(1, "1h", count = failures)]
async fn failures(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "failures"
}

macro_rules! app {
    ($gate:expr, $routes:expr, $builder:expr) => {{
        let builder: PalisadeBuilder = $builder;
        let app = App::new().app_data($gate.clone()).service($routes).wrap(builder.build().unwrap());
        init_service(app).await
    }};
}

/// Sends all requests at once, opens the gate when `inside` of them are in handlers, and returns the statuses.
async fn statuses<S>(app: &S, gate: &Gate, paths: &[&str], inside: usize) -> Vec<u16>
where
    S: Service<actix_http::Request, Response = ServiceResponse<BoxedBody>, Error = actix_web::Error>,
{
    let done = Rc::<RefCell<usize>>::default();
    let requests = join_all(paths.iter().map(|path| async {
        let response: TestResponse = call(app, get_request(path)).await;
        *done.borrow_mut() += 1;
        if response.status == 503 {
            response.assert_problem(503);
            assert_eq!(response.header("retry-after"), "1");
        }
        response.status.as_u16()
    }));
    let opened = async {
        // All others are rejected while these are inside: nobody waits.
        while gate.inside() < inside || *done.borrow() < paths.len() - inside {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(gate.inside(), inside);
        gate.open();
    };
    let waited = actix_web::rt::time::timeout(Duration::from_secs(20), join(requests, opened)).await;
    waited.expect("some requests waited").0
}

type BoxedBody = actix_web::body::EitherBody<actix_web::body::BoxBody>;

fn admitted(statuses: &[u16]) -> usize {
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[actix_web::test]
async fn requests_over_the_limit_are_rejected_at_once() {
    let gate = Gate::new();
    let app = app!(gate, palisade::scope("").service(two).service(free), builder());
    let (log, _logs) = Log::start();
    assert_eq!(admitted(&statuses(&app, &gate, &["/two"; 6], 2).await), 2);
    let events = log.take();
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(events.iter().all(|event| event.contains("reason=\"concurrency_exhausted\"")), "{events:?}");
    // All places are free again.
    for _ in 0..3 {
        assert_eq!(call(&app, get_request("/two")).await.body, "two");
    }
}

#[actix_web::test]
async fn a_scope_shares_its_places_among_its_handlers() {
    let gate = Gate::new();
    let scope = palisade::scope("/s").concurrency(3).service(free).service(palisade::scope("/t").service(two));
    let app = app!(gate, palisade::scope("").service(scope).service(one), builder());
    let paths = ["/s/t/two", "/s/free", "/s/t/two", "/s/free", "/s/t/two", "/one"];
    assert_eq!(admitted(&statuses(&app, &gate, &paths, 4).await), 4);
}

#[actix_web::test]
async fn the_application_shares_its_places_among_all_handlers() {
    let gate = Gate::new();
    let app = app!(gate, palisade::scope("").service(two).service(free), builder().concurrency(3));
    let paths = ["/two", "/free", "/free", "/free", "/two"];
    assert_eq!(admitted(&statuses(&app, &gate, &paths, 3).await), 3);
    // Another application has its own.
    let gate = Gate::new();
    let app = app!(gate, palisade::scope("").service(free), builder().concurrency(1));
    assert_eq!(admitted(&statuses(&app, &gate, &["/free"; 2], 1).await), 1);
}

/// If a request took a place of the scope and was then rejected by the handler's own limit, the scope would run out of places.
#[actix_web::test]
async fn a_request_takes_a_place_of_each_limit_or_none() {
    let gate = Gate::new();
    let scope = palisade::scope("").concurrency(3).service(one).service(free);
    let app = app!(gate, scope, builder().concurrency(4));
    let paths = ["/one", "/one", "/one", "/one", "/one", "/one", "/free", "/free", "/free"];
    let statuses = statuses(&app, &gate, &paths, 3).await;
    assert_eq!(statuses, [200, 503, 503, 503, 503, 503, 200, 200, 503]);
}

#[actix_web::test]
async fn two_mounts_of_a_handler_share_its_places() {
    let gate = Gate::new();
    let routes =
        palisade::scope("").service(palisade::scope("/a").service(one)).service(palisade::scope("/b").service(one));
    let app = app!(gate, routes, builder());
    assert_eq!(admitted(&statuses(&app, &gate, &["/a/one", "/b/one"], 1).await), 1);
}

#[actix_web::test]
async fn two_scopes_do_not_share_places() {
    let gate = Gate::new();
    let scope = |prefix: &str| palisade::scope(prefix).concurrency(1).service(free);
    let app = app!(gate, palisade::scope("").service(scope("/a")).service(scope("/b")), builder());
    assert_eq!(admitted(&statuses(&app, &gate, &["/a/free", "/b/free", "/a/free"], 2).await), 2);
}

/// The places are those of the handler: what is rejected or fails before it needs none.
#[actix_web::test]
async fn rejected_requests_hold_no_place() {
    let gate = Gate::new();
    let routes = palisade::scope("").concurrency(1).service(own).service(input).service(free);
    let app = app!(gate, routes, builder());
    let held = call(&app, get_request("/free"));
    let others = async {
        while gate.inside() < 1 {
            sleep(Duration::from_millis(1)).await;
        }
        // Authentication and input come first.
        call(&app, get_request("/own")).await.assert_problem(401);
        call(&app, post_request("/input", "{")).await.assert_problem(400);
        call(&app, post_request("/input", "{}")).await.assert_problem(503);
        gate.open();
    };
    assert_eq!(join(held, others).await.0.status, 200);
    assert_eq!(call(&app, post_request("/input", "{}")).await.body, "{}");
}

#[actix_web::test]
async fn a_panic_and_a_timeout_give_the_place_back() {
    let gate = Gate::new();
    let app = app!(gate, palisade::scope("").service(panics).service(late), builder());
    for _ in 0..3 {
        assert_eq!(call(&app, get_request("/panics")).await.status, 500);
        call(&app, get_request("/late")).await.assert_problem(503);
        assert_eq!(gate.inside(), 0);
    }
    gate.open();
    assert_eq!(call(&app, get_request("/late")).await.body, "late");
}

#[actix_web::test]
async fn a_dropped_request_gives_the_place_back() {
    let gate = Gate::new();
    let app = app!(gate, palisade::scope("").service(one), builder());
    for _ in 0..3 {
        let dropped = actix_web::rt::time::timeout(Duration::from_millis(30), call(&app, get_request("/one"))).await;
        assert!(dropped.is_err(), "it was inside: {dropped:?}");
    }
    gate.open();
    assert_eq!(call(&app, get_request("/one")).await.body, "one");
}

#[actix_web::test]
async fn rate_limits_settle_by_503() {
    let gate = Gate::new();
    let app = app!(gate, palisade::scope("").service(counted).service(failures), builder());
    // The limit of two admits both, and the second finds no place.
    assert_eq!(admitted(&statuses(&app, &gate, &["/counted"; 2], 1).await), 1);
    call(&app, get_request("/counted")).await.assert_problem(429);
    for _ in 0..3 {
        assert_eq!(call(&app, get_request("/failures")).await.body, "failures");
    }
}

#[test]
fn the_table_shows_each_limit() {
    let scope =
        palisade::scope("/s").rate_limit(RateLimit::new("s", 9, Duration::from_secs(60))).concurrency(3).service(two);
    let table = Palisade::builder().concurrency(4).routes(&scope).build().unwrap().policies();
    let [row] = table.rows() else { panic!("one route") };
    assert_eq!(row.call_limits(), "2 at once; 3 at once (scope /s); 4 at once (application)");
    let cell = "| 9 per 1m (scope /s); 2 at once; 3 at once (scope /s); 4 at once (application) |";
    assert!(table.to_markdown().contains(cell), "{}", table.to_markdown());
    assert!(table.to_html().contains("2 at once; 4 at once (application)"), "{}", table.to_html());
    let text = table.to_text();
    assert!(text.contains("9 per 1m; 3 at once"), "{text}");
    let json: Value = serde_json::from_str(&table.to_json()).unwrap();
    let expected = serde_json::json!([
        { "limit": 2, "of": "handler", "scope": null },
        { "limit": 3, "of": "scope", "scope": "/s" },
        { "limit": 4, "of": "application", "scope": null },
    ]);
    assert_eq!(json["routes"][0]["concurrency"], expected);
}
