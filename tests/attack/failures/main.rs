//! Application errors that reveal the inside of the server to a client (CWE-209; ASVS V16.5.1, V16.2.5, V16.4.1).

mod errors;
mod middleware;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{
    ErrorBadGateway, ErrorBadRequest, ErrorConflict, ErrorInternalServerError, ErrorServiceUnavailable, InternalError,
};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::init_service;
use actix_web::web::Json;
use actix_web::{App, HttpResponse};
use palisade::{Palisade, Problem, get, post, public};
use palisade_tests::log::Log;
use palisade_tests::{TestResponse, builder, call, get_request, post_request};

use self::errors::{Boxed, DatabaseDown, Pool, SECRET, Unwritable, Wrapped};

macro_rules! failing {
    ($($name:ident $path:literal -> $type:ty { $body:expr })+) => {$(
        #[get($path)]
        #[public]
        async fn $name() -> $type {
            $body
        }
    )+};
}

failing! {
    boxed "/boxed/{id}" -> Result<String, Boxed> { Err(SECRET.into()) }
    chained "/chained/{id}" -> Result<String, Boxed> { Err(Box::new(Wrapped(DatabaseDown))) }
    helper "/helper/{id}" -> Result<String, actix_web::Error> { Err(ErrorInternalServerError(SECRET)) }
    gateway "/gateway/{id}" -> Result<String, actix_web::Error> { Err(ErrorBadGateway(SECRET)) }
    outage "/outage/{id}" -> Result<String, DatabaseDown> { Err(DatabaseDown) }
    without_body "/without-body/{id}" -> Result<(), DatabaseDown> { Err(DatabaseDown) }
    returned "/returned/{id}" -> HttpResponse { HttpResponse::from_error(ErrorServiceUnavailable(SECRET)) }
    made_with "/made-with/{id}" -> Result<String, actix_web::Error> {
        Err(InternalError::from_response(SECRET, HttpResponse::InternalServerError().body(SECRET)).into())
    }
    unwritable "/unwritable/{id}" -> Json<Unwritable> { Json(Unwritable) }
    past_all_statuses "/past/{id}" -> Result<String, actix_web::Error> {
        Err(InternalError::new(SECRET, StatusCode::from_u16(999).unwrap()).into())
    }
    panics "/panics/{id}" -> String { panic!("{SECRET}") }
    panics_with_a_word "/panics-too/{id}" -> String { panic!("hunter2") }
    panics_without_words "/panics-mute/{id}" -> String { std::panic::panic_any(7_u8) }
}

#[get("/extracted/{id}")]
#[public]
async fn extracted(_: Pool) -> &'static str {
    "never"
}

/// A route middleware that can see the handler's error.
async fn looks_on(request: ServiceRequest, next: Next<impl MessageBody>) -> Answered<impl MessageBody> {
    let response = next.call(request).await?;
    assert!(response.response().error().is_some(), "the application's middleware can read the error");
    Ok(response)
}

type Answered<B> = Result<ServiceResponse<B>, actix_web::Error>;

#[get("/wrapped/{id}", wrap = "from_fn(looks_on)")]
#[public]
async fn wrapped() -> Result<String, Boxed> {
    Err(SECRET.into())
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(
            App::new()
                .service(
                    palisade::scope("/s")
                        .service(boxed)
                        .service(chained)
                        .service(helper)
                        .service(gateway)
                        .service(outage)
                        .service(without_body)
                        .service(returned)
                        .service(made_with)
                        .service(unwritable)
                        .service(past_all_statuses)
                        .service(panics)
                        .service(panics_with_a_word)
                        .service(panics_without_words)
                        .service(extracted)
                        .service(wrapped)
                        .service(deliberate)
                        .service(a_problem)
                        .service(wrong_input)
                        .service(conflict)
                        .service(forged),
                )
                .wrap($palisade),
        )
        .await
    };
}

fn palisade() -> Palisade {
    builder().build().unwrap()
}

/// Each way to fail, with the expected status.
const FAILURES: [(&str, u16); 12] = [
    ("boxed", 500),
    ("chained", 500),
    ("helper", 500),
    ("gateway", 502),
    ("outage", 503),
    ("without-body", 503),
    ("returned", 503),
    ("made-with", 500),
    ("unwritable", 500),
    ("past", 999),
    ("extracted", 503),
    ("wrapped", 500),
];

fn assert_reveals_nothing(response: &TestResponse) {
    assert!(!response.body.contains("hunter2"), "{response:?}");
    for (name, value) in &response.headers {
        assert!(!String::from_utf8_lossy(value.as_bytes()).contains("hunter2"), "{name}: {response:?}");
    }
}

#[actix_web::test]
async fn server_error_text_is_logged_and_not_sent() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    for (path, status) in FAILURES {
        let response = call(&app, get_request(&format!("/s/{path}/7?token=abc"))).await;
        response.assert_problem(status);
        assert_reveals_nothing(&response);
        assert_eq!(response.json()["instance"], format!("/s/{path}/7"), "{response:?}");
        let route = format!("route=/s/{path}/{{id}}");
        let status = format!("status={status}");
        log.assert_one(&["ERROR", "event=\"failed\"", "method=\"GET\"", &route, &status, "hunter2"]);
    }
}

#[actix_web::test]
async fn panic_text_is_logged_and_not_sent() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    for (path, cause) in [
        ("panics", "cause=\"db password is hunter2\""),
        ("panics-too", "cause=\"hunter2\""),
        ("panics-mute", "cause=\"a panic without text\""),
    ] {
        let response = call(&app, get_request(&format!("/s/{path}/7"))).await;
        response.assert_problem(500);
        assert_reveals_nothing(&response);
        let route = format!("route=/s/{path}/{{id}}");
        log.assert_one(&["ERROR", "event=\"panicked\"", "status=500", "method=\"GET\"", &route, cause]);
    }
}

#[actix_web::test]
async fn failure_keeps_only_retry_after() {
    let app = app!(palisade());
    for path in ["/s/outage/7", "/s/extracted/7"] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(503);
        assert_eq!(response.header("retry-after"), "7");
        assert!(!response.headers.contains_key("x-debug"), "{response:?}");
    }
}

#[actix_web::test]
async fn failure_event_lists_the_whole_error_chain() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    call(&app, get_request("/s/chained/7")).await.assert_problem(500);
    log.assert_one(&["cause=\"no account could be read: db password is hunter2\"", "failures::chained"]);
}

#[get("/deliberate")]
#[public]
async fn deliberate() -> HttpResponse {
    HttpResponse::InternalServerError().insert_header(("x-own", "1")).body("deliberate")
}

#[get("/a-problem")]
#[public]
async fn a_problem() -> Result<String, Problem> {
    Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR).with_detail("The printer is on fire.").caused_by(DatabaseDown))
}

#[get("/wrong-input")]
#[public]
async fn wrong_input() -> Result<String, actix_web::Error> {
    Err(ErrorBadRequest("the colour is wrong"))
}

#[get("/conflict")]
#[public]
async fn conflict() -> Result<String, actix_web::Error> {
    Err(ErrorConflict("the name is taken"))
}

#[actix_web::test]
async fn deliberate_error_responses_are_unchanged() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    let response = call(&app, get_request("/s/deliberate")).await;
    assert_eq!((response.status.as_u16(), response.body.as_str(), response.header("x-own")), (500, "deliberate", "1"));
    response.assert_headers();
    for (path, status, text) in
        [("/s/wrong-input", 400, "the colour is wrong"), ("/s/conflict", 409, "the name is taken")]
    {
        let response = call(&app, get_request(path)).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (status, text));
        response.assert_headers();
    }
    assert_eq!(log.take(), Vec::<String>::new());

    let response = call(&app, get_request("/s/a-problem")).await;
    response.assert_problem(500);
    assert_eq!(response.json()["detail"], "The printer is on fire.");
    assert_reveals_nothing(&response);
    log.assert_one(&[
        "event=\"failed\"",
        "cause=\"Internal Server Error: The printer is on fire.: db password is hunter2\"",
    ]);
}

#[actix_web::test]
async fn failures_use_the_configured_problem_style() {
    let style = |problem: Problem| {
        let mut response = HttpResponse::build(problem.status());
        response.insert_header(("x-style", "ours")).json(problem)
    };
    let app = app!(builder().problems(style).build().unwrap());
    for (path, status) in FAILURES {
        let response = call(&app, get_request(&format!("/s/{path}/7"))).await;
        assert_eq!((response.status.as_u16(), response.header("x-style")), (status, "ours"), "{response:?}");
        assert_eq!(response.header("content-type"), "application/json");
        assert_reveals_nothing(&response);
    }
    let response = call(&app, get_request("/s/a-problem")).await;
    assert_eq!((response.header("x-style"), &response.json()["detail"]), ("ours", &"The printer is on fire.".into()));
    let response = call(&app, get_request("/s/panics/7")).await;
    assert_eq!((response.status.as_u16(), response.header("x-style")), (500, "ours"));
    assert_eq!(call(&app, get_request("/s/deliberate")).await.body, "deliberate");
}

#[actix_web::test]
async fn revealing_internal_errors_is_opt_in_and_warned() {
    let (log, _guard) = Log::start();
    let shown = builder().reveal_internal_errors().build().unwrap();
    let announced = log.take_all();
    assert!(announced.contains("WARN") && announced.contains("reveal_internal_errors"), "{announced}");
    let app = app!(shown);
    for (path, status) in FAILURES {
        let response = call(&app, get_request(&format!("/s/{path}/7"))).await;
        response.assert_problem(status);
        assert!(response.json()["detail"].as_str().unwrap().contains("hunter2"), "{response:?}");
        log.assert_one(&["event=\"failed\"", "hunter2"]);
    }
    for path in ["/s/panics/7", "/s/a-problem"] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(500);
        assert!(response.json()["detail"].as_str().unwrap().contains("hunter2"), "{response:?}");
    }
    let _ = palisade();
    assert!(!log.take_all().contains("reveal_internal_errors"));
}

#[post("/forged")]
#[public]
async fn forged(text: String) -> Result<String, Boxed> {
    Err(text.into())
}

#[actix_web::test]
async fn error_text_is_escaped_and_truncated_in_logs() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    let hostile = "x\nERROR palisade::audit: event=\"rejected\"\u{1b}[2J\u{202e}";
    call(&app, post_request("/s/forged", hostile)).await.assert_problem(500);
    let text = log.take_all();
    assert_eq!(text.lines().filter(|line| line.contains("palisade::audit")).count(), 1, "{text}");
    assert!(text.contains("x\\nERROR") && text.contains("\\\"rejected\\\""), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");

    call(&app, post_request("/s/forged", &"ü".repeat(20_000))).await.assert_problem(500);
    let line = log.take().pop().unwrap();
    assert!((2_000..6_000).contains(&line.len()), "{}", line.len());
}

/// An error that sets an arbitrary header.
#[derive(Debug, Clone, Copy)]
struct Chatty(&'static str, &'static str);

impl std::fmt::Display for Chatty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("away")
    }
}

impl actix_web::ResponseError for Chatty {
    fn status_code(&self) -> actix_web::http::StatusCode {
        actix_web::http::StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::ServiceUnavailable().insert_header((self.0, self.1)).finish()
    }
}

static CHATTY: std::sync::Mutex<Chatty> = std::sync::Mutex::new(Chatty("", ""));

#[get("/chatty")]
#[public]
async fn chatty() -> Result<String, Chatty> {
    Err(*CHATTY.lock().unwrap())
}

#[actix_web::test]
async fn failure_headers_are_kept_only_if_well_formed() {
    let app = init_service(App::new().service(chatty).wrap(palisade())).await;
    for (name, value, kept) in [
        ("retry-after", "7", true),
        ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", true),
        ("retry-after", "db password is hunter2", false),
        ("allow", "GET, HEAD", true),
        ("allow", "hunter2", false),
        ("www-authenticate", "hunter2", false),
        ("x-debug", "hunter2", false),
    ] {
        *CHATTY.lock().unwrap() = Chatty(name, value);
        let response = call(&app, get_request("/chatty")).await;
        response.assert_problem(503);
        assert_eq!(response.header(name), if kept { value } else { "" }, "{name}: {value}");
    }
}
