//! Handlers that do not end (CWE-400): after the timeout their future is dropped, and the client gets 503.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::BodyStream;
use actix_web::dev::{ServiceRequest, ServiceResponse, fn_factory, fn_service};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::rt::time::sleep;
use actix_web::test::init_service;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, Error, HttpResponse};
use futures_util::{StreamExt as _, stream};
use palisade::policy::Rule;
use palisade::scope::guarded;
use palisade::{Palisade, PalisadeBuilder, get, post, public, rate_limit, timeout};
use palisade_tests::log::Log;
use palisade_tests::{builder, call, get_request, request};

const SHORT: Duration = Duration::from_millis(60);
/// Longer than any of these tests may take.
const LONG: Duration = Duration::from_secs(600);

/// Counts the handlers that are inside.
#[derive(Default)]
struct Inside(Rc<Cell<i32>>);

struct Leave(Rc<Cell<i32>>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Inside {
    async fn stay(&self) -> &'static str {
        self.0.set(self.0.get() + 1);
        let _leave = Leave(Rc::clone(&self.0));
        sleep(LONG).await;
        "late"
    }
}

#[get("/short")]
#[public]
#[timeout("60ms")]
async fn short(inside: Data<Inside>) -> &'static str {
    inside.stay().await
}

#[get("/quick")]
#[public]
#[timeout("10m")]
async fn quick() -> &'static str {
    sleep(SHORT * 2).await;
    "quick"
}

#[get("/plain")]
#[public]
async fn plain(inside: Data<Inside>) -> &'static str {
    inside.stay().await
}

async fn pass_on(
    request: ServiceRequest,
    next: actix_web::middleware::Next<impl actix_web::body::MessageBody + 'static>,
) -> Result<ServiceResponse<impl actix_web::body::MessageBody>, Error> {
    next.call(request).await
}

#[get("/wrapped", wrap = "from_fn(pass_on)")]
#[public]
#[timeout("60ms")]
async fn wrapped(inside: Data<Inside>) -> &'static str {
    inside.stay().await
}

#[public]
#[timeout("60ms")]
async fn function(inside: Data<Inside>) -> &'static str {
    inside.stay().await
}

#[post("/body")]
#[public]
#[timeout("60ms")]
async fn body(body: Bytes) -> String {
    body.len().to_string()
}

#[get("/stream")]
#[public]
#[timeout("60ms")]
async fn streamed() -> HttpResponse {
    let pieces = stream::iter(["a", "b", "c"]).then(|piece| async move {
        sleep(SHORT).await;
        Ok::<_, Error>(Bytes::from(piece))
    });
    HttpResponse::Ok().body(BodyStream::new(Box::pin(pieces)))
}

#[get("/failures")]
#[public]
#[rate_limit(1, "1h", count = failures)]
#[timeout("60ms")]
async fn failures(inside: Data<Inside>) -> &'static str {
    inside.stay().await
}

#[get("/all")]
#[public]
#[rate_limit(1, "1h")]
#[timeout("60ms")]
async fn all(inside: Data<Inside>) -> &'static str {
    inside.stay().await
}

macro_rules! app {
    ($routes:expr, $builder:expr) => {{
        let inside = Inside::default();
        let count = Rc::clone(&inside.0);
        let builder: PalisadeBuilder = $builder;
        let app = App::new().app_data(Data::new(inside)).service($routes).wrap(builder.build().unwrap());
        (init_service(app).await, count)
    }};
}

#[actix_web::test]
async fn a_late_handler_is_stopped() {
    let (app, inside) = app!(palisade::scope("").service(short).service(quick).service(wrapped), builder());
    let (log, _logs) = Log::start();
    for path in ["/short", "/wrapped"] {
        let late = call(&app, get_request(path)).await;
        late.assert_problem(503);
        assert_eq!(late.header("retry-after"), "1");
        log.assert_one(&["reason=\"handler_timeout\"", "status=503", "handler=attack_timeout::"]);
        assert_eq!(inside.get(), 0, "the future of the handler is dropped");
    }
    assert_eq!(call(&app, get_request("/quick")).await.body, "quick");
    assert_eq!(log.take(), [""; 0]);
}

#[actix_web::test]
async fn plain_functions_have_timeouts_too() {
    let inside = Inside::default();
    let palisade = builder().build().unwrap();
    let app = App::new().app_data(Data::new(inside)).route("/function", web::get().to(function)).wrap(palisade);
    call(&init_service(app).await, get_request("/function")).await.assert_problem(503);
}

#[actix_web::test]
async fn the_innermost_timeout_wins() {
    let of_app = |timeout| builder().timeout(timeout);
    let scope = |timeout: Duration| palisade::scope("/s").timeout(timeout);
    for (routes, builder, path, status) in [
        (palisade::scope("").service(plain), of_app(SHORT), "/plain", 503),
        (palisade::scope("").service(quick), of_app(SHORT), "/quick", 200),
        (palisade::scope("").service(short), of_app(LONG), "/short", 503),
        (scope(SHORT).service(plain), builder(), "/s/plain", 503),
        (scope(SHORT).service(plain), of_app(LONG), "/s/plain", 503),
        (scope(SHORT).service(quick), of_app(SHORT), "/s/quick", 200),
        (scope(LONG).service(short), builder(), "/s/short", 503),
        (scope(LONG).service(palisade::scope("/t").timeout(SHORT).service(plain)), builder(), "/s/t/plain", 503),
        (
            scope(LONG).service(palisade::scope("/t").service(palisade::scope("").timeout(SHORT).service(plain))),
            builder(),
            "/s/t/plain",
            503,
        ),
    ] {
        let (app, _) = app!(routes, builder);
        assert_eq!(call(&app, get_request(path)).await.status, status, "{path}");
    }
    // A scope may also give more than the application does.
    let (app, _) = app!(scope(LONG).service(plain), of_app(SHORT));
    let waited = actix_web::rt::time::timeout(SHORT * 4, call(&app, get_request("/s/plain"))).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[actix_web::test]
async fn a_slow_client_does_not_use_up_the_time() {
    let (app, _) = app!(palisade::scope("").service(body).service(streamed), builder());
    let pieces = stream::iter(["ab", "cd", "ef"]).then(|piece| async move {
        sleep(SHORT).await;
        Ok::<_, PayloadError>(Bytes::from(piece))
    });
    let mut upload = request(Method::POST, "/body").to_srv_request();
    upload.set_payload(actix_web::dev::Payload::Stream { payload: Box::pin(pieces) });
    let (upload, payload) = upload.into_parts();
    let mut sent = actix_http::Request::with_payload(payload);
    sent.head_mut().uri = upload.uri().clone();
    sent.head_mut().method = Method::POST;
    assert_eq!(palisade_tests::call_raw(&app, sent).await.body, "6");
    // Nor does a response that is slow to send.
    assert_eq!(call(&app, get_request("/stream")).await.body, "abc");
}

#[actix_web::test]
async fn rate_limits_settle_by_503() {
    let (app, _) = app!(palisade::scope("").service(failures).service(all), builder());
    // The server failed, and not the client.
    for _ in 0..3 {
        call(&app, get_request("/failures")).await.assert_problem(503);
    }
    call(&app, get_request("/all")).await.assert_problem(503);
    call(&app, get_request("/all")).await.assert_problem(429);
}

#[actix_web::test]
async fn a_service_of_another_crate_is_stopped_too() {
    let stuck = fn_factory(|| async {
        Ok::<_, ()>(fn_service(|request: ServiceRequest| async move {
            sleep(LONG).await;
            Ok::<_, Error>(request.into_response(HttpResponse::Ok().finish()))
        }))
    });
    let routes = palisade::scope("/s").timeout(SHORT).service(guarded("/files", stuck, Rule::Public));
    let (app, _) = app!(routes, builder());
    let (log, _logs) = Log::start();
    let late = call(&app, get_request("/s/files/a")).await;
    late.assert_problem(503);
    assert_eq!(late.header("retry-after"), "1");
    assert!(log.take().iter().any(|line| line.contains("handler_timeout")), "the event has its reason");
}

#[test]
fn timeouts_out_of_bounds_are_mistakes() {
    for timeout in [Duration::ZERO, Duration::from_secs(86_401)] {
        let error = Palisade::builder().timeout(timeout).concurrency(0).build().unwrap_err();
        let settings: Vec<&str> = error.mistakes().map(|mistake| mistake.setting()).collect();
        assert_eq!(settings, ["timeout", "concurrency"]);
        let inner = palisade::scope("/t").timeout(timeout).concurrency(0);
        let error = palisade::scope("/s").service(inner).verify().unwrap_err().to_string();
        assert_eq!(error.lines().count(), 2, "{error}");
        assert!(error.contains("the timeout of the scope \"/t\" (") && error.contains("timeout.rs:"), "{error}");
    }
}

/// Each worker builds its scopes, so a scope that passed is not verified again.
#[test]
fn a_scope_with_another_timeout_is_verified_again() {
    let build = |timeout, concurrency| {
        let routes = palisade::scope("/again").timeout(timeout).concurrency(concurrency).service(plain);
        builder().routes(&routes).build()
    };
    assert!(build(SHORT, 1).is_ok());
    assert!(build(Duration::ZERO, 1).is_err());
    assert!(build(SHORT, 0).is_err());
}

#[test]
fn the_table_shows_where_a_timeout_is_from() {
    let inner = palisade::scope("/t").timeout(Duration::from_millis(1_500)).service(plain).service(short);
    let routes = palisade::scope("/s").timeout(LONG).service(inner).service(quick);
    let routes = palisade::scope("").service(routes).service(streamed).service(wrapped).service(all);
    let table = builder().timeout(Duration::from_secs(30)).routes(&routes).build().unwrap().policies();
    let limits = |path: &str| {
        let row = table.rows().iter().find(|row| row.path() == path).unwrap();
        (row.timeout().unwrap(), row.call_limits())
    };
    assert_eq!(limits("/s/t/plain"), (Duration::from_millis(1_500), "timeout 1500ms (scope /s/t)".to_owned()));
    assert_eq!(limits("/s/t/short"), (SHORT, "timeout 60ms".to_owned()));
    assert_eq!(limits("/s/quick"), (LONG, "timeout 10m".to_owned()));
    let text = table.to_text();
    assert!(text.contains("SCOPE /s/t: timeout 1500ms\n") && text.contains("SCOPE /s: timeout 10m\n"), "{text}");
    let without = palisade::scope("").service(plain);
    let table = builder().timeout(Duration::from_secs(30)).routes(&without).build().unwrap().policies();
    assert_eq!(table.rows()[0].call_limits(), "timeout 30s (application)");
    assert!(table.to_markdown().contains("| timeout 30s (application) |"), "{}", table.to_markdown());
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let expected = serde_json::json!({ "milliseconds": 30_000, "of": "application", "scope": null });
    assert_eq!(json["routes"][0]["timeout"], expected);
}
