//! CWE-770: a rate limit of a scope by a field of the input counts at each handler in the scope, or the application does not start.

use std::time::Duration;

use actix_web::App;
use actix_web::http::Method;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Form, Json, Query};
use palisade::rate_limit::{By, Count};
use palisade::{RateLimit, Scope, get, post, public, validate};
use palisade_tests::{call, get_request, palisade, request};
use serde::Deserialize;
use serde_json::json;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Login {
    #[validate(length(max = 20))]
    email: String,
    #[allow(dead_code, reason = "only its presence matters")]
    password: Option<String>,
}

#[derive(Deserialize)]
struct Renamed {
    #[serde(rename = "email")]
    address: Option<String>,
}

#[derive(Deserialize)]
struct Nested {
    user: Login,
}

#[derive(Deserialize)]
struct Other {
    name: String,
}

#[post("/json")]
#[public]
#[validate]
async fn by_json(login: Json<Login>) -> String {
    login.email.clone()
}

#[post("/form")]
#[public]
async fn by_form(login: Form<Renamed>) -> String {
    login.into_inner().address.unwrap_or_default()
}

#[get("/query")]
#[public]
async fn by_query(login: Query<Renamed>) -> String {
    login.into_inner().address.unwrap_or_default()
}

#[post("/nested")]
#[public]
async fn by_nested(login: Json<Nested>) -> String {
    login.into_inner().user.email
}

#[post("/other")]
#[public]
async fn by_other(other: Json<Other>) -> String {
    other.into_inner().name
}

fn limit(name: &'static str) -> RateLimit {
    RateLimit::new(name, 2, Duration::from_secs(60)).by(By::InputField("email"))
}

fn json_of(path: &str, email: &str) -> TestRequest {
    request(Method::POST, path).set_json(json!({"email": email, "password": "x"}))
}

fn form_of(path: &str, body: &'static str) -> TestRequest {
    request(Method::POST, path).insert_header(("content-type", "application/x-www-form-urlencoded")).set_payload(body)
}

macro_rules! app {
    ($scope:expr) => {{
        let scope: Scope = $scope;
        init_service(App::new().service(scope).wrap(palisade())).await
    }};
}

#[actix_web::test]
async fn each_handler_of_a_scope_counts_by_the_field() {
    let app = app!(
        palisade::scope("/s").rate_limit(limit("scope-field")).service(by_json).service(by_form).service(by_query)
    );
    assert_eq!(call(&app, json_of("/s/json", "ann@example.org")).await.body, "ann@example.org");
    // Another spelling of the same address, in another place of the request.
    assert_eq!(call(&app, form_of("/s/form", "email=Ann%40Example.org")).await.body, "Ann@Example.org");
    call(&app, get_request("/s/query?email=ANN@example.org")).await.assert_problem(429);
    call(&app, json_of("/s/json", " ann@example.org ")).await.assert_problem(429);
    assert_eq!(call(&app, get_request("/s/query?email=bob@example.org")).await.body, "bob@example.org");
}

#[actix_web::test]
async fn a_missing_or_doubled_field_is_rejected() {
    let app = app!(
        palisade::scope("/s").rate_limit(limit("scope-missing")).service(by_json).service(by_form).service(by_query)
    );
    for request in [
        form_of("/s/form", "other=1"),
        form_of("/s/form", "email="),
        get_request("/s/query"),
        get_request("/s/query?email=%20"),
        json_of("/s/json", ""),
        // The field of the body counts, not one beside it.
        form_of("/s/form?email=ann@example.org", "other=1"),
    ] {
        let response = call(&app, request).await;
        response.assert_problem(422);
        let error = &response.json()["errors"][0];
        // The place, or the name that is missing there.
        let named = [&error["pointer"], &error["parameter"], &error["params"]["name"]];
        assert!(
            named.iter().any(|name| name.as_str().is_some_and(|name| name.ends_with("email"))),
            "{}",
            response.body
        );
    }
    for request in [form_of("/s/form", "email=a&email=b"), get_request("/s/query?email=a&email=b")] {
        assert!(call(&app, request).await.status.is_client_error());
    }
}

#[actix_web::test]
async fn invalid_input_is_not_counted() {
    let app = app!(palisade::scope("/s").rate_limit(limit("scope-invalid")).service(by_json));
    for _ in 0..3 {
        call(&app, json_of("/s/json", "much-longer-than-twenty@example.org")).await.assert_problem(422);
    }
    assert_eq!(call(&app, json_of("/s/json", "ann@example.org")).await.status, 200);
}

#[actix_web::test]
async fn a_field_of_an_inner_type_is_named_with_its_path() {
    let by = RateLimit::new("scope-nested", 1, Duration::from_secs(60)).by(By::InputField("user.email"));
    let app = app!(
        palisade::scope("/s").rate_limit(by).wrap(DefaultHeaders::new().add(("x-wrapped", "1"))).service(by_nested)
    );
    let nested = |email: &str| request(Method::POST, "/s/nested").set_json(json!({"user": {"email": email}}));
    let response = call(&app, nested("ann@example.org")).await;
    assert_eq!((response.body.as_str(), response.header("x-wrapped")), ("ann@example.org", "1"));
    call(&app, nested("ANN@example.org")).await.assert_problem(429);
    let response = call(&app, nested("")).await;
    response.assert_problem(422);
    assert!(response.body.contains("\"/user/email\""), "{}", response.body);
}

#[actix_web::test]
async fn successes_are_not_counted_by_a_scope_that_counts_failures() {
    const KEYS: &[By] = &[By::InputField("email")];
    let by = RateLimit::new("scope-known", 2, Duration::from_secs(60)).by_each(KEYS).count(Count::Failures);
    let app = app!(palisade::scope("/s").rate_limit(by).service(by_json));
    for _ in 0..5 {
        assert_eq!(call(&app, json_of("/s/json", "ann@example.org")).await.status, 200, "successes do not count");
    }
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

#[post("/number")]
#[public]
async fn by_number(input: Form<Numbered>) -> String {
    input.id.to_string()
}

fn by_id(name: &'static str) -> RateLimit {
    RateLimit::new(name, 2, Duration::from_secs(60)).by(By::InputField("id"))
}

/// A number that is written in another way is the same number for the handler.
#[actix_web::test]
async fn spellings_of_a_number_are_one_key() {
    let app = app!(palisade::scope("/s").rate_limit(by_id("scope-number")).service(by_number));
    let statuses: Vec<u16> = {
        let mut statuses = Vec::new();
        for body in ["id=7", "id=07", "id=%2B7", "id=00000000000000000007", "id=8"] {
            statuses.push(call(&app, form_of("/s/number", body)).await.status.as_u16());
        }
        statuses
    };
    assert_eq!(statuses, [200, 200, 429, 429, 200]);
}

/// actix-web decodes the charset of a form. Escape sequences of ISO-2022-JP spell one text in many ways.
#[actix_web::test]
async fn a_form_in_another_charset_is_rejected() {
    let app = app!(palisade::scope("/s").rate_limit(limit("scope-charset")).service(by_form));
    for charset in ["iso-2022-jp", "utf-16le", "unknown"] {
        let content_type = format!("application/x-www-form-urlencoded; charset={charset}");
        let request = form_of("/s/form", "email=a%1B(Bnn%40example.org").insert_header(("content-type", content_type));
        assert!(call(&app, request).await.status.is_client_error(), "{charset}");
    }
    let utf8 = form_of("/s/form", "email=ann%40example.org");
    let utf8 = utf8.insert_header(("content-type", "application/x-www-form-urlencoded; charset=UTF-8"));
    assert_eq!(call(&app, utf8).await.body, "ann@example.org");
}

#[post("/both")]
#[public]
async fn by_both(query: Query<Renamed>, login: Json<Login>) -> String {
    format!("{:?} {}", query.address, login.email)
}

#[derive(Deserialize)]
struct WithUuid {
    id: uuid::Uuid,
}

#[post("/uuid")]
#[public]
async fn by_uuid(input: Json<WithUuid>) -> String {
    input.id.to_string()
}

#[test]
fn an_ambiguous_field_is_a_config_error() {
    for (scope, part) in [
        (palisade::scope("/s").rate_limit(limit("scope-both")).service(by_both), "has two arguments with that field"),
        // A UUID has several spellings, of which the type knows and the limit does not.
        (palisade::scope("/s").rate_limit(by_id("scope-uuid")).service(by_uuid), "as a text or a whole number"),
        (
            palisade::scope("/s").rate_limit(limit("of-handler").by(By::Field("body.email"))).service(by_json),
            "is possible only above a handler",
        ),
    ] {
        let error = scope.verify().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// The handler's own rate limit names an argument, and the scope names a field on the wire. The texts may be the same.
#[post("/collision")]
#[public]
#[palisade::rate_limit(100, "1m", by = field(user.email))]
async fn collision(user: Query<Renamed2>, login: Json<Nested>) -> String {
    format!("{} {}", user.email, login.user.email)
}

#[derive(Deserialize)]
struct Renamed2 {
    email: String,
}

#[actix_web::test]
async fn a_field_on_the_wire_is_not_an_argument_of_that_name() {
    let by = RateLimit::new("scope-collision", 2, Duration::from_secs(60)).by(By::InputField("user.email"));
    let app = app!(palisade::scope("/s").rate_limit(by).service(collision));
    let mut statuses = Vec::new();
    for number in 0..4 {
        let request = request(Method::POST, &format!("/s/collision?email=x{number}"));
        let request = request.set_json(json!({"user": {"email": "victim"}}));
        statuses.push(call(&app, request).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[test]
fn a_handler_without_the_field_is_a_config_error() {
    for scope in [
        palisade::scope("/s").rate_limit(limit("scope-lacks")).service(by_json).service(by_other),
        palisade::scope("/s").rate_limit(limit("scope-lacks")).service(palisade::scope("/in").service(by_other)),
        palisade::scope("/s").rate_limit(limit("scope-lacks")).service(by_nested),
    ] {
        let error = scope.verify().unwrap_err();
        assert_eq!(error.mistakes().count(), 1, "{error}");
        let error = error.to_string();
        for part in [
            "the rate limit \"scope-lacks\" of the scope /s (",
            "by the field \"email\"",
            "rate_limit_scope_fields.rs:",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
    assert_eq!(palisade::scope("/s").rate_limit(limit("scope-lacks")).service(by_json).verify(), Ok(()));
}
