//! CWE-843, CWE-20: an argument that is configured out must not shift the others; otherwise the wrong argument is
//! validated or counted.

use actix_web::App;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Json, Path, Query};
use palisade::{get, post, public, rate_limit, validate};
use palisade_tests::{call, get_request, palisade, post_request};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1))]
    text: String,
}

#[derive(Deserialize, Validate)]
struct Page {
    #[validate(range(max = 9))]
    size: u32,
}

/// The type of an argument that is always configured out.
#[post("/first/{id}")]
#[public]
#[validate]
async fn first_is_gone(#[cfg(any())] _gone: Path<Nobody>, id: Path<String>, body: Json<Note>) -> String {
    format!("{id} {}", body.text)
}

#[post("/last")]
#[public]
#[validate]
async fn last_is_gone(body: Json<Note>, #[cfg(false)] _gone: Nobody) -> String {
    body.into_inner().text
}

#[post("/there")]
#[public]
#[validate]
async fn all_are_there(
    #[cfg(not(any()))] page: Query<Page>,
    #[cfg_attr(not(any()), cfg(not(any())))] body: Json<Note>,
) -> String {
    format!("{} {}", page.size, body.text)
}

/// Exactly one argument of the pair is compiled.
#[post("/either")]
#[public]
#[rate_limit(2, "1h", by = field(body.text))]
#[validate(body, gone)]
async fn one_of_two(
    #[cfg_attr(not(any()), cfg(any()))] body: Json<Page>,
    #[cfg(not(any()))] body: Json<Note>,
    #[cfg(any())] gone: Json<Page>,
    #[cfg_attr(any(), cfg(any()))]
    #[allow(unused_variables)]
    page: Query<Page>,
) -> String {
    format!("{} {}", body.text, page.size)
}

/// Counts by arguments that follow one that is configured out.
#[post("/counted/{id}")]
#[public]
#[rate_limit(2, "1h", by = [field(body.text), field(id.0)])]
async fn counted(
    #[cfg(any())] body: Json<Page>,
    #[cfg(any())]
    #[cfg(not(any()))]
    _also: Nobody,
    id: Path<(String,)>,
    #[cfg(not(any()))] body: Json<Note>,
) -> String {
    format!("{} {}", id.0, body.text)
}

/// A plain guarded function that is routed by hand.
#[public]
#[validate]
async fn function(#[cfg(any())] _gone: Nobody, page: Query<Page>) -> String {
    page.size.to_string()
}

#[get("/not")]
#[public]
async fn not_read(#[cfg(any())] _gone: Nobody, #[cfg(not(any()))] page: Query<Page>) -> String {
    page.size.to_string()
}

macro_rules! app {
    () => {
        init_service(
            App::new()
                .service(
                    palisade::scope("")
                        .service(first_is_gone)
                        .service(last_is_gone)
                        .service(all_are_there)
                        .service(one_of_two)
                        .service(counted)
                        .service(not_read),
                )
                .route("/function", actix_web::web::get().to(function))
                .wrap(palisade()),
        )
        .await
    };
}

/// Sends the request and returns the status and body of the response.
macro_rules! send {
    ($app:expr, $request:expr) => {{
        let response = call(&$app, $request).await;
        (response.status.as_u16(), response.body)
    }};
}

const NOTE: &str = r#"{"text": "hello"}"#;
const EMPTY: &str = r#"{"text": ""}"#;

#[actix_web::test]
async fn compiled_arguments_are_validated() {
    let app = app!();
    for (request, text) in [
        (post_request("/first/7", NOTE), "7 hello"),
        (post_request("/last", NOTE), "hello"),
        (post_request("/there?size=3", NOTE), "3 hello"),
        (post_request("/either?size=99", NOTE), "hello 99"),
        (get_request("/function?size=3"), "3"),
        (get_request("/not?size=99"), "99"),
    ] {
        assert_eq!(send!(app, request), (200, text.to_owned()));
    }
    for request in [
        post_request("/first/7", EMPTY),
        post_request("/last", EMPTY),
        post_request("/there?size=3", EMPTY),
        post_request("/there?size=99", NOTE),
        post_request("/either?size=3", EMPTY),
        get_request("/function?size=99"),
    ] {
        assert_eq!(send!(app, request).0, 422);
    }
}

#[actix_web::test]
async fn compiled_arguments_are_counted() {
    let app = app!();
    let with = |path: &str, text: &str| -> TestRequest { post_request(path, &format!(r#"{{"text": "{text}"}}"#)) };
    for (text, statuses) in [("a", [200, 200, 429]), ("b", [200, 200, 429])] {
        for status in statuses {
            assert_eq!(send!(app, with("/either?size=1", text)).0, status, "{text}");
        }
    }
    for (path, text, status) in [
        ("/counted/1", "a", 200),
        ("/counted/1", "b", 200),
        ("/counted/1", "c", 429),
        ("/counted/2", "d", 200),
        ("/counted/3", "d", 200),
        ("/counted/4", "d", 429),
    ] {
        assert_eq!(send!(app, with(path, text)).0, status, "{path} {text}");
    }
}

#[test]
fn policy_lists_only_compiled_arguments() {
    let scope = palisade::scope("").service(one_of_two);
    let table = scope.policies().to_string();
    assert!(table.contains("body"), "{table}");
    assert!(!table.contains("gone"), "{table}");
}
