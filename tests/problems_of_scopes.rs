//! CWE-636: a scope for pages shows its problems as pages. A style changes what people see, and not what programs decide by: the status,
//! the waiting time, the challenge and the security headers stay, and rate limits count as before.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse};
use palisade::input::Json;
use palisade::{
    Cors, Palisade, Problem, RateLimit, Scope, SecurityHeaders, authenticated, deny_all, get, post, public, rate_limit,
    require_role, validate,
};
use palisade_tests::{TestResponse, bearer, builder, call, from, get_request};
use serde::Deserialize;
use validator::Validate;

fn page(problem: Problem) -> HttpResponse {
    let wrong = problem.errors().iter().filter_map(|error| error.pointer()).collect::<Vec<_>>().join(" ");
    let wait = problem.retry_after().map(|wait| format!(", wait {} seconds", wait.as_secs())).unwrap_or_default();
    let text = format!("<p>{} at {} {wrong}{wait}", problem.status().as_u16(), problem.instance().unwrap_or("nowhere"));
    // A status of its own, and no waiting time.
    HttpResponse::Ok().content_type("text/html").insert_header(("x-style", "page")).body(text)
}

fn of_application(problem: Problem) -> Problem {
    problem.with_title("of the application")
}

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1))]
    text: String,
}

#[get("/own")]
#[authenticated]
async fn own() -> &'static str {
    "own"
}

#[get("/admin")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "admin"
}

#[get("/never")]
#[deny_all("closed")]
async fn never() -> &'static str {
    "never"
}

#[get("/taken")]
#[public]
async fn taken() -> Result<&'static str, Problem> {
    Err(Problem::new(StatusCode::CONFLICT).with_detail("taken"))
}

#[get("/broken")]
#[public]
async fn broken() -> Result<&'static str, actix_web::Error> {
    Err(actix_web::error::ErrorInternalServerError("the password of the database"))
}

#[get("/panics")]
#[public]
async fn panics() -> &'static str {
    panic!("the password of the database")
}

#[get("/by-hand")]
#[public]
async fn by_hand() -> HttpResponse {
    HttpResponse::NotFound().body("a page of the handler")
}

#[post("/note")]
#[public]
#[validate]
async fn note(note: Json<Note>) -> String {
    note.into_inner().text
}

#[post("/login")]
#[public]
#[rate_limit(2, "15m", count = failures)]
async fn login() -> Result<&'static str, Problem> {
    Err(Problem::new(StatusCode::UNAUTHORIZED).with_detail("wrong"))
}

fn members(scope: Scope) -> Scope {
    scope
        .service(own)
        .service(admin)
        .service(never)
        .service(taken)
        .service(broken)
        .service(panics)
        .service(by_hand)
        .service(note)
        .service(login)
}

macro_rules! app {
    ($palisade:expr) => {{
        let palisade: Palisade = $palisade;
        init_service(
            App::new()
                .wrap(palisade)
                .service(members(palisade::scope("/app").headers(SecurityHeaders::pages()).problems(page)))
                .service(members(palisade::scope("/api"))),
        )
        .await
    }};
}

fn is_page(response: &TestResponse) -> bool {
    response.headers.get("x-style").is_some_and(|style| style == "page")
}

/// Each rejection, and the status that it has in every style.
fn rejected() -> Vec<(TestRequest, &'static str, u16)> {
    let json =
        |body: &'static str| TestRequest::post().insert_header(("content-type", "application/json")).set_payload(body);
    vec![
        (TestRequest::get(), "/own", 401),
        (TestRequest::get().insert_header(("authorization", bearer("user", &["user"]))), "/admin", 403),
        (TestRequest::get(), "/never", 403),
        (TestRequest::get(), "/taken", 409),
        (TestRequest::get(), "/broken", 500),
        (TestRequest::get(), "/panics", 500),
        (TestRequest::get(), "/unknown", 404),
        (TestRequest::delete(), "/own", 405),
        (json(r#"{"text":""}"#), "/note", 422),
        (json("{"), "/note", 400),
        (TestRequest::post().set_payload("text"), "/note", 415),
    ]
}

#[actix_web::test]
async fn each_problem_of_a_scope_has_its_style_and_keeps_what_programs_decide_by() {
    let app = app!(builder().problems(of_application).build().unwrap());
    for (request, path, status) in rejected() {
        let styled = call(&app, request.uri(&format!("/app{path}"))).await;
        assert_eq!(styled.status, status, "{path}");
        assert!(is_page(&styled), "{path}");
        assert!(styled.headers.contains_key("content-security-policy"), "{path}");
        assert_eq!(styled.headers.contains_key("www-authenticate"), status == 401, "{path}");
        assert_eq!(styled.headers.contains_key("allow"), status == 405, "{path}");
        // A panic has no request any more.
        let place = if path == "/panics" { "nowhere".to_owned() } else { format!("/app{path}") };
        assert!(styled.body.starts_with(&format!("<p>{status} at {place} ")), "{path}: {styled:?}");
        let text = styled.body.as_str();
        assert!(text.starts_with(&format!("<p>{status}")) && !text.contains("password"), "{path}: {text}");
        assert_eq!(text.contains("/text"), status == 422, "{path}: {text}");
    }
    for (request, path, status) in rejected() {
        let other = call(&app, request.uri(&format!("/api{path}"))).await;
        assert_eq!((other.status.as_u16(), is_page(&other)), (status, false), "{path}");
        assert!(other.body.as_str().contains("of the application"), "{path}");
    }
}

#[actix_web::test]
async fn responses_that_are_no_problems_are_left_alone() {
    let app = app!(builder().build().unwrap());
    let reached = call(&app, get_request("/app/own").insert_header(("authorization", bearer("user", &["user"])))).await;
    assert_eq!((reached.status.as_u16(), is_page(&reached)), (200, false));
    let found = call(&app, get_request("/app/by-hand")).await;
    assert_eq!((found.status.as_u16(), is_page(&found)), (404, false));
    assert_eq!(found.body, "a page of the handler");
}

#[actix_web::test]
async fn failures_count_although_the_style_looks_like_a_success() {
    let app = app!(builder().build().unwrap());
    let attempt = || async { call(&app, from("192.0.2.1", TestRequest::post().uri("/app/login"))).await };
    assert_eq!(attempt().await.status, 401);
    assert_eq!(attempt().await.status, 401);
    let limited = attempt().await;
    assert_eq!((limited.status.as_u16(), is_page(&limited)), (429, true));
    let seconds = limited.headers.get("retry-after").unwrap().to_str().unwrap();
    assert!(limited.body.as_str().starts_with("<p>429"));
    // A page can say how long to wait.
    assert!(limited.body.as_str().ends_with(&format!(", wait {seconds} seconds")), "{}", limited.body.as_str());
}

#[actix_web::test]
async fn the_innermost_scope_with_a_style_decides() {
    fn inner(problem: Problem) -> Problem {
        problem.with_title("of the inner scope")
    }
    let limit = RateLimit::new("inner", 100, Duration::from_secs(60));
    let routes = palisade::scope("/outer")
        .problems(page)
        .service(palisade::scope("/plain").rate_limit(limit).service(own))
        .service(
            palisade::scope("/styled").cors(Cors::allow_origins(["https://a.example"])).problems(inner).service(own),
        );
    let app = init_service(App::new().wrap(builder().build().unwrap()).service(routes)).await;
    let plain = call(&app, get_request("/outer/plain/own")).await;
    assert_eq!((plain.status.as_u16(), is_page(&plain)), (401, true));
    let styled = call(&app, get_request("/outer/styled/own")).await;
    assert_eq!((styled.status.as_u16(), is_page(&styled)), (401, false));
    assert!(styled.body.as_str().contains("of the inner scope"));
    assert!(is_page(&call(&app, get_request("/outer/unknown")).await));
}

#[actix_web::test]
async fn a_style_that_panics_leaves_the_problem_as_it_is() {
    fn panics(_: Problem) -> Problem {
        panic!("in the style")
    }
    let routes = palisade::scope("/app").problems(panics).service(own);
    let app = init_service(App::new().wrap(builder().build().unwrap()).service(routes)).await;
    let response = call(&app, get_request("/app/own")).await;
    assert_eq!(response.status, 401);
    assert_eq!(response.headers.get("content-type").unwrap(), "application/problem+json");
}
