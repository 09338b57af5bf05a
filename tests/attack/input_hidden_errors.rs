//! CWE-390: an error of an argument that another argument hides, so that the handler takes malformed input for absent input. Also
//! CWE-20: a number that is none, and passes each bound.

use actix_web::http::header::{self, Header, HeaderName, HeaderValue, InvalidHeaderValue, TryIntoHeaderValue};
use actix_web::test::init_service;
use actix_web::{App, Either, HttpMessage, web};
use palisade::input::{Form, InputError, Json, Multipart, Path, Query, Text};
use palisade::{get, post, public, validate};
use palisade_tests::{call, get_request, palisade, post_request, request};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize)]
struct Page {
    page: u8,
}

#[derive(Deserialize)]
struct Sort {
    sort: u8,
}

#[derive(Deserialize)]
struct Order {
    count: u8,
}

/// The result is extracted after the option, and both fail.
#[post("/body-after")]
#[public]
async fn body_after(page: Option<Query<Page>>, order: Result<Json<Order>, InputError>) -> String {
    format!("{} {}", page.is_none(), order.map_or(0, |order| order.count))
}

#[post("/body-before")]
#[public]
async fn body_before(order: Result<Json<Order>, InputError>, page: Option<Query<Page>>) -> String {
    format!("{} {}", page.is_none(), order.map_or(0, |order| order.count))
}

#[get("/two-queries")]
#[public]
async fn two_queries(page: Option<Query<Page>>, sort: Result<Query<Sort>, InputError>) -> String {
    format!("{:?} {}", page.map(|page| page.page), sort.map_or(0, |sort| sort.sort))
}

#[get("/path/{page}")]
#[public]
async fn query_and_path(sort: Option<Query<Sort>>, page: Result<Path<u8>, InputError>) -> String {
    format!("{:?} {}", sort.map(|sort| sort.sort), page.map_or(0, Path::into_inner))
}

#[actix_web::test]
async fn error_of_a_result_does_not_hide_that_of_an_option() {
    let app = init_service(
        App::new()
            .service(
                palisade::scope("")
                    .service(body_after)
                    .service(body_before)
                    .service(two_queries)
                    .service(query_and_path),
            )
            .wrap(palisade()),
    )
    .await;
    for path in ["/body-after?page=x", "/body-before?page=x"] {
        for body in ["{", "{}", r#"{"count":1}"#] {
            let response = call(&app, post_request(path, body)).await;
            response.assert_problem(422);
            assert_eq!(response.json()["errors"][0]["parameter"], "page", "{path} {body}");
        }
    }
    for (path, name) in [("/two-queries?page=x&sort=x", "page"), ("/path/x?sort=x", "sort")] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(422);
        assert_eq!(response.json()["errors"][0]["parameter"], name, "{path}");
    }
    // A result that fails alone is left to the handler.
    assert_eq!(call(&app, post_request("/body-after?page=1", "{")).await.outcome(), "false 0");
    assert_eq!(call(&app, get_request("/path/x?sort=1")).await.outcome(), "Some(1) 0");
}

#[derive(actix_multipart::form::MultipartForm)]
struct Upload {
    count: Text<u8>,
}

#[post("/either")]
#[public]
async fn either(order: Either<Multipart<Upload>, Either<Json<Order>, Form<Order>>>) -> String {
    match order {
        Either::Left(form) => format!("multipart {}", *form.count),
        Either::Right(Either::Left(order)) => format!("json {}", order.count),
        Either::Right(Either::Right(order)) => format!("form {}", order.count),
    }
}

#[actix_web::test]
async fn side_of_an_either_that_does_not_read_the_media_type_rejects_nothing() {
    let app = init_service(App::new().service(palisade::scope("").service(either)).wrap(palisade())).await;
    let parts = "--b\r\nContent-Disposition: form-data; name=\"count\"\r\n\r\n7\r\n--b--\r\n";
    for (media_type, body, expected) in [
        ("application/json", r#"{"count":7}"#, "json 7"),
        ("application/x-www-form-urlencoded", "count=7", "form 7"),
        ("multipart/form-data; boundary=b", parts, "multipart 7"),
    ] {
        let request = request(actix_web::http::Method::POST, "/either");
        let request = request.insert_header((header::CONTENT_TYPE, media_type)).set_payload(body);
        assert_eq!(call(&app, request).await.outcome(), expected, "{media_type}");
    }
}

/// A header of the application.
struct Level(u8);

impl TryIntoHeaderValue for Level {
    type Error = InvalidHeaderValue;

    fn try_into_value(self) -> Result<HeaderValue, Self::Error> {
        HeaderValue::try_from(self.0.to_string())
    }
}

impl Header for Level {
    fn name() -> HeaderName {
        HeaderName::from_static("x-level")
    }

    fn parse<M: HttpMessage>(message: &M) -> Result<Self, actix_web::error::ParseError> {
        header::from_one_raw_str(message.headers().get(Self::name())).map(Self)
    }
}

#[get("/header")]
#[public]
async fn optional_header(level: Option<web::Header<Level>>) -> String {
    level.map_or_else(|| "none".to_owned(), |level| level.0.0.to_string())
}

#[actix_web::test]
async fn malformed_header_is_not_an_absent_one() {
    let app = init_service(App::new().service(palisade::scope("").service(optional_header)).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/header")).await.outcome(), "none");
    assert_eq!(call(&app, get_request("/header").insert_header(("x-level", "7"))).await.outcome(), "7");
    for wrong in ["x", "256", ""] {
        let response = call(&app, get_request("/header").insert_header(("x-level", wrong))).await;
        response.assert_problem(400);
    }
}

#[derive(Deserialize, Validate)]
struct Share {
    #[validate(range(min = 0.0, max = 1.0))]
    share: f64,
}

#[get("/share")]
#[public]
#[validate]
async fn query_share(share: Query<Share>) -> String {
    share.share.to_string()
}

#[get("/share/{share}")]
#[public]
#[validate]
async fn path_share(share: Path<Share>) -> String {
    share.share.to_string()
}

#[post("/share")]
#[public]
#[validate]
async fn form_share(share: Form<Share>) -> String {
    share.share.to_string()
}

#[actix_web::test]
async fn what_is_not_a_number_passes_no_bound() {
    let app = init_service(
        App::new()
            .service(palisade::scope("").service(query_share).service(path_share).service(form_share))
            .wrap(palisade()),
    )
    .await;
    for (text, expected) in [("0.5", 200), ("1.5", 422), ("NaN", 422), ("-nan", 422), ("-inf", 422), ("1e999", 422)] {
        assert_eq!(call(&app, get_request(&format!("/share?share={text}"))).await.status, expected, "{text}");
        // A path that names no resource.
        let path = call(&app, get_request(&format!("/share/{text}"))).await.status.as_u16();
        assert!(path == expected || (path, expected) == (404, 422), "{text}: {path}");
        let form = request(actix_web::http::Method::POST, "/share")
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .set_payload(format!("share={text}"));
        assert_eq!(call(&app, form).await.status, expected, "{text}");
    }
}
