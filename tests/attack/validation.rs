//! Input that the following code does not expect (CWE-20; ASVS V2.2.1), and errors that echo the input (CWE-209).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::test::init_service;
use actix_web::web::{Form, Json, Path, Query};
use actix_web::{App, Either, FromRequest, HttpRequest};
use palisade::{Extractor, get, post, public, validate};
use palisade_tests::inside::Inside;
use palisade_tests::{TestResponse, call, get_request, palisade, post_request, request};
use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Order {
    #[validate(email)]
    email: String,
    #[validate(length(min = 1, max = 3), nested)]
    items: Vec<Item>,
    #[validate(nested)]
    address: Option<Address>,
}

#[derive(Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct Item {
    #[validate(range(min = 1, max = 99))]
    count: u32,
}

#[derive(Deserialize, Validate)]
#[validate(schema(function = "known_city"))]
#[serde(deny_unknown_fields)]
struct Address {
    city: String,
    #[validate(length(equal = 5))]
    zip: String,
}

fn known_city(address: &Address) -> Result<(), ValidationError> {
    if address.city == "Nowhere" { Err(ValidationError::new("unknown_city")) } else { Ok(()) }
}

#[derive(Deserialize, Validate)]
struct Page {
    #[validate(range(min = 1, max = 100))]
    limit: u32,
}

#[derive(Deserialize, Validate)]
struct Slug {
    #[validate(length(min = 3))]
    slug: String,
}

#[post("/orders")]
#[public]
#[validate]
async fn order(_page: Option<palisade::input::Query<Page>>, order: Json<Order>) -> String {
    order.email.clone()
}

#[get("/page")]
#[public]
#[validate]
async fn paged(page: Query<Page>) -> String {
    page.limit.to_string()
}

#[get("/slugs/{slug}")]
#[public]
#[validate(path)]
async fn slug(path: Path<Slug>) -> String {
    path.slug.clone()
}

#[post("/either")]
#[public]
#[validate]
async fn either(page: Either<Json<Page>, Form<Page>>) -> String {
    match page {
        Either::Left(page) => page.limit.to_string(),
        Either::Right(page) => page.limit.to_string(),
    }
}

/// Extractors beside the input: `Language` is the application's own, `Inside` is of another crate.
#[derive(Extractor)]
struct Language(String);

impl FromRequest for Language {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.method().to_string())))
    }
}

#[post("/beside")]
#[public]
#[validate(except(other))]
async fn beside(language: Language, other: Inside<HttpRequest>, page: Query<Page>, sent: Json<Order>) -> String {
    format!("{} {} {} {}", language.0, other.0.path(), page.limit, sent.email)
}

macro_rules! app {
    () => {
        init_service(
            App::new()
                .service(
                    palisade::scope("").service(order).service(paged).service(slug).service(either).service(beside),
                )
                .wrap(palisade()),
        )
        .await
    };
}

/// The rejected fields as `pointer code`, or `parameter code`.
fn fields(response: &TestResponse) -> Vec<String> {
    response.assert_problem(422);
    let json = response.json();
    let errors = json["errors"].as_array().unwrap();
    for error in errors {
        assert!(error["detail"].as_str().unwrap().ends_with('.'), "{error}");
    }
    errors
        .iter()
        .map(|error| {
            let place = error["pointer"].as_str().or(error["parameter"].as_str()).unwrap();
            format!("{place} {}", error["code"].as_str().unwrap())
        })
        .collect()
}

#[actix_web::test]
async fn nested_fields_are_validated_with_their_pointer() {
    let app = app!();
    let body =
        r#"{"email":"x","items":[{"count":1},{"count":0},{"count":500}],"address":{"city":"Nowhere","zip":"1"}}"#;
    assert_eq!(
        fields(&call(&app, post_request("/orders", body)).await),
        ["/address/zip length", "/email email", "/items/1/count range", "/items/2/count range",]
    );
    // `validator` checks the rule of the whole struct only after its fields are valid.
    let nowhere = r#"{"email":"a@example.com","items":[{"count":1}],"address":{"city":"Nowhere","zip":"12345"}}"#;
    assert_eq!(fields(&call(&app, post_request("/orders", nowhere)).await), ["/address unknown_city"]);
    let none = r#"{"email":"a@example.com","items":[]}"#;
    assert_eq!(fields(&call(&app, post_request("/orders", none)).await), ["/items length"]);
    let valid = r#"{"email":"a@example.com","items":[{"count":7}],"address":{"city":"Ulm","zip":"89073"}}"#;
    assert_eq!(call(&app, post_request("/orders", valid)).await.body, "a@example.com");
}

#[actix_web::test]
async fn rejected_value_is_never_echoed() {
    let app = app!();
    for body in [
        r#"{"email":"hunter2","items":[{"count":7}]}"#,
        r#"{"email":["hunter2"],"items":[]}"#,
        r#"{"email":"a@example.com","items":"hunter2"}"#,
        r#"{"email":"a@example.com","items":[{"count":"hunter2"}]}"#,
        r#"{"email":"a@example.com","items":[{"count":7}],"unknown":"hunter2"}"#,
        r#"{"email":"a@example.com","items":[{"count":7}],"address":{"city":"Ulm","zip":"hunter2"}}"#,
        r#"{"email":"a@example.com","email":"hunter2","items":[]}"#,
        r#""hunter2""#,
    ] {
        let response = call(&app, post_request("/orders", body)).await;
        assert!(!fields(&response).is_empty());
        assert!(!response.body.contains("hunter2"), "{response:?}");
    }
}

#[actix_web::test]
async fn undeclared_field_is_rejected() {
    let app = app!();
    let body = r#"{"email":"a@example.com","items":[{"count":7,"role":"admin"}]}"#;
    assert_eq!(fields(&call(&app, post_request("/orders", body)).await), ["/items/0/role unknown_field"]);
    assert_eq!(fields(&call(&app, post_request("/orders", "{}")).await), [" missing"]);
}

#[actix_web::test]
async fn queries_forms_paths_and_either_are_validated() {
    let app = app!();
    assert_eq!(call(&app, get_request("/page?limit=100")).await.body, "100");
    assert_eq!(fields(&call(&app, get_request("/page?limit=101")).await), ["limit range"]);
    assert_eq!(fields(&call(&app, get_request("/page?limit=many")).await), ["limit type"]);
    assert_eq!(fields(&call(&app, get_request("/page")).await), ["limit missing"]);
    assert_eq!(
        fields(
            &call(&app, post_request("/orders?limit=0", r#"{"email":"a@example.com","items":[{"count":1}]}"#)).await
        ),
        ["limit range"]
    );
    assert_eq!(call(&app, get_request("/slugs/abc")).await.body, "abc");
    assert_eq!(fields(&call(&app, get_request("/slugs/ab")).await), ["slug length"]);
    assert_eq!(fields(&call(&app, post_request("/either", r#"{"limit":0}"#)).await), ["/limit range"]);
    let form = |body: &'static str| {
        request(actix_web::http::Method::POST, "/either")
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(body)
    };
    assert_eq!(call(&app, form("limit=5")).await.body, "5");
    assert_eq!(fields(&call(&app, form("limit=0")).await), ["/limit range"]);
}

#[actix_web::test]
async fn except_leaves_every_other_input_validated() {
    let app = app!();
    let json = |email: &str| format!(r#"{{"email":"{email}","items":[{{"count":7}}]}}"#);
    let valid = post_request("/beside?limit=7", &json("a@example.com"));
    assert_eq!(call(&app, valid).await.body, "POST /beside 7 a@example.com");
    assert_eq!(fields(&call(&app, post_request("/beside?limit=7", &json("x"))).await), ["/email email"]);
    assert_eq!(fields(&call(&app, post_request("/beside?limit=0", &json("a@example.com"))).await), ["limit range"]);
}
