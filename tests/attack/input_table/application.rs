//! CWE-915 for the whole application: `strict_input` holds on each route, or the application does not start. And CWE-20: an `Either` whose
//! one side is malformed must not fall back to the other side.

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::{App, Either, web};
use palisade::input::{Form, Json, Path, Query};
use palisade::{get, post, public, validate};
use palisade_tests::log::Log;
use palisade_tests::{builder, call, call_raw, get_request, post_request, request, without_places};
use serde::Deserialize;
use validator::Validate;

use super::form_request;

#[derive(Deserialize, Validate)]
struct Item {
    #[validate(range(max = 9))]
    count: u8,
}

#[post("/json")]
#[public]
async fn json_only(item: Json<Item>) -> String {
    item.count.to_string()
}

#[post("/validated")]
#[public]
#[validate]
async fn validated_only(item: Json<Item>) -> String {
    item.count.to_string()
}

#[post("/form")]
#[public]
async fn form_only(item: Form<Item>) -> String {
    item.count.to_string()
}

#[get("/query")]
#[public]
async fn query_only(item: Query<Item>) -> String {
    item.count.to_string()
}

#[get("/path/{count}")]
#[public]
async fn path_only(item: Path<Item>, of_actix: web::Path<u8>) -> String {
    format!("{} {of_actix}", item.count)
}

#[post("/either")]
#[public]
#[validate]
async fn either(item: Either<Json<Item>, Form<Item>>) -> String {
    match item {
        Either::Left(json) => format!("json {}", json.count),
        Either::Right(form) => format!("form {}", form.count),
    }
}

#[post("/either-of-lists")]
#[public]
async fn either_of_lists(item: Either<Json<Item>, Json<Vec<Item>>>) -> String {
    match item {
        Either::Left(one) => format!("one {}", one.count),
        Either::Right(many) => format!("{} items", many.len()),
    }
}

#[post("/mixed")]
#[public]
#[validate]
async fn mixed(item: Either<Json<Item>, web::Form<Item>>) -> String {
    match item {
        Either::Left(json) => format!("json {}", json.count),
        Either::Right(form) => format!("form {}", form.count),
    }
}

#[post("/actix")]
#[public]
#[validate]
async fn both_of_actix(item: Either<web::Form<Item>, web::Json<Item>>) -> String {
    match item {
        Either::Left(form) => format!("form {}", form.count),
        Either::Right(json) => format!("json {}", json.count),
    }
}

#[post("/text")]
#[public]
async fn json_or_text(item: Either<Json<Item>, String>) -> String {
    match item {
        Either::Left(json) => format!("json {}", json.count),
        Either::Right(text) => text,
    }
}

#[post("/optional")]
#[public]
async fn optional(item: Option<Either<Json<Item>, Form<Item>>>) -> String {
    match item {
        Some(Either::Left(json)) => format!("json {}", json.count),
        Some(Either::Right(form)) => format!("form {}", form.count),
        None => "none".to_owned(),
    }
}

fn routes() -> palisade::Scope {
    palisade::scope("")
        .service(json_only)
        .service(validated_only)
        .service(form_only)
        .service(query_only)
        .service(path_only)
        .service(either)
        .service(either_of_lists)
}

#[post("/actix-json")]
#[public]
async fn actix_json(item: web::Json<Item>) -> String {
    item.count.to_string()
}

#[get("/actix-query")]
#[public]
#[validate]
async fn actix_query(item: web::Query<Item>) -> String {
    item.count.to_string()
}

#[post("/actix-result")]
#[public]
async fn actix_result(item: Result<web::Form<Item>, actix_web::Error>) -> String {
    item.map_or_else(|_| "wrong".to_owned(), |item| item.count.to_string())
}

#[post("/actix-either")]
#[public]
async fn actix_either(item: Either<Json<Item>, web::Form<Item>>) -> String {
    match item {
        Either::Left(json) => json.count.to_string(),
        Either::Right(form) => form.count.to_string(),
    }
}

#[actix_web::test]
async fn strict_application_rejects_unknown_fields_on_every_route() {
    let palisade = builder().strict_input().routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    for path in ["/json", "/validated", "/either"] {
        let accepted = if path == "/either" { "json 7" } else { "7" };
        let outcome = call(&app, post_request(path, r#"{"count":7}"#)).await.outcome();
        assert_eq!(outcome, accepted, "{path}");
        let outcome = call(&app, post_request(path, r#"{"role":"admin","count":7,"x":{}}"#)).await.outcome();
        assert_eq!(outcome, r#"422 "/role" unknown_field "/x" unknown_field"#, "{path}");
    }
    for path in ["/form", "/either"] {
        let outcome = call(&app, form_request(path, "role=admin&count=7&x=1&x=2")).await.outcome();
        assert_eq!(outcome, r#"422 "/role" unknown_field "/x" unknown_field"#, "{path}");
    }
    let outcome = call(&app, get_request("/query?role=admin&count=7&x")).await.outcome();
    assert_eq!(outcome, r#"422 "role" unknown_field "x" unknown_field"#);
    assert_eq!(call(&app, get_request("/query?count=7")).await.outcome(), "7");
    // A path has no unknown fields, so the extractor of actix-web is accepted.
    assert_eq!(call(&app, get_request("/path/7")).await.outcome(), "7 7");
}

#[test]
fn route_that_cannot_be_strict_is_a_config_error_with_its_place() {
    let routes = palisade::scope("/api")
        .service(json_only)
        .service(actix_json)
        .service(actix_query)
        .service(actix_result)
        .service(actix_either);
    let error = builder().strict_input().routes(&routes).build().unwrap_err();
    let text = error.to_string();
    for handler in ["actix_json", "actix_query", "actix_result", "actix_either"] {
        let line = text.lines().find(|line| line.contains(handler)).unwrap_or_else(|| panic!("{handler}: {text}"));
        assert!(line.contains(" (tests/attack/input_table/application.rs:"), "{line}");
        assert!(line.contains(&format!("at /api/{}", handler.replace('_', "-"))), "{line}");
    }
    assert_eq!(error.mistakes().count(), 4, "{text}");
    assert!(error.mistakes().all(|mistake| mistake.setting() == "strict_input"), "{text}");
    assert!(without_places(&error).contains("take that of `palisade::input`"), "{text}");
    // Without `strict_input`, they are accepted.
    assert!(builder().routes(&routes).build().is_ok());
}

#[test]
fn strict_input_needs_the_routes() {
    let error = builder().strict_input().build().unwrap_err();
    assert_eq!(error.setting(), "strict_input");
    assert!(error.to_string().contains("`.routes(..)`"), "{error}");
}

#[actix_web::test]
async fn route_that_was_not_checked_and_cannot_be_strict_fails_closed() {
    let (log, _guard) = Log::start();
    let palisade = builder().strict_input().routes(&routes()).build().unwrap();
    let app = App::new().service(actix_json).service(actix_query).service(actix_result).service(actix_either);
    let app = init_service(app.service(routes()).wrap(palisade)).await;
    for request in [
        post_request("/actix-json", r#"{"count":7}"#),
        get_request("/actix-query?count=7"),
        form_request("/actix-result", "count=7"),
        post_request("/actix-either", r#"{"count":7}"#),
    ] {
        log.take_all();
        let response = call(&app, request).await;
        response.assert_problem(500);
        assert!(!response.body.contains("strict"), "{response:?}");
        let logged = log.take_all();
        let line = logged.lines().find(|line| line.contains("strict_input")).unwrap_or_else(|| panic!("{logged}"));
        assert!(line.contains("ERROR") && line.contains("actix_"), "{line}");
    }
    assert_eq!(call(&app, post_request("/json", r#"{"count":7}"#)).await.outcome(), "7");
}

#[actix_web::test]
async fn malformed_side_of_an_either_is_an_error() {
    let palisade = builder().build().unwrap();
    let app =
        App::new().service(routes()).service(mixed).service(both_of_actix).service(json_or_text).service(optional);
    let app = init_service(app.wrap(palisade)).await;
    for path in ["/either", "/mixed", "/actix"] {
        for (request, expected) in [
            (post_request(path, r#"{"count":7}"#), "json 7"),
            (form_request(path, "count=7"), "form 7"),
            (post_request(path, r#"{"count":10}"#), r#"422 "/count" range"#),
            (form_request(path, "count=10"), r#"422 "/count" range"#),
            (post_request(path, r#"{"count":"x"}"#), r#"422 "/count" type"#),
            (form_request(path, "count=x"), r#"422 "/count" type"#),
            (post_request(path, "{"), r#"400 "" json_syntax"#),
            // A form that is sent as JSON is not read as a form.
            (post_request(path, "count=7"), r#"400 "" json_syntax"#),
            (form_request(path, r#"{"count":7}"#), r#"422 "" missing"#),
            (request(Method::POST, path).set_payload("count=7"), "415"),
            (post_request(path, "count=7").insert_header(("content-type", "text/plain")), "415"),
        ] {
            let request = request.to_request();
            let shown = format!("{request:?}");
            assert_eq!(call_raw(&app, request).await.outcome(), expected, "{shown}");
        }
    }
    let text = || post_request("/text", "{").insert_header(("content-type", "text/plain"));
    for (request, expected) in [
        (post_request("/text", r#"{"count":7}"#), "json 7"),
        (text(), "{"),
        // It is JSON, so it is not a text.
        (post_request("/text", "{"), r#"400 "" json_syntax"#),
        (post_request("/text", r#"{"count":"x"}"#), r#"422 "/count" type"#),
        (post_request("/optional", ""), "none"),
        (form_request("/optional", "count=7"), "form 7"),
        (form_request("/optional", "count=x"), r#"422 "/count" type"#),
        (post_request("/optional", r#"{"count":"x"}"#), r#"422 "/count" type"#),
        (post_request("/optional", "count=7").insert_header(("content-type", "text/plain")), "415"),
    ] {
        let request = request.to_request();
        let shown = format!("{request:?}");
        assert_eq!(call_raw(&app, request).await.outcome(), expected, "{shown}");
    }
    // Both sides read JSON, and one succeeds.
    for (sent, expected) in [
        (r#"{"count":7}"#, "one 7"),
        (r#"[{"count":7},{"count":8}]"#, "2 items"),
        (r#"{"count":"x"}"#, r#"422 "/count" type"#),
    ] {
        assert_eq!(call(&app, post_request("/either-of-lists", sent)).await.outcome(), expected, "{sent}");
    }
}
