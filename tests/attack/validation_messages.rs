//! 422 in the language of the client. The application's function that returns the sentences is not trusted with the value (CWE-209),
//! nor with the response: it may panic (CWE-755).

use actix_web::App;
use actix_web::test::init_service;
use actix_web::web::{Json, Query};
use palisade::problem::FieldError;
use palisade::{post, public, validate};
use palisade_tests::{builder, call, post_request};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 3))]
    name: String,
    #[validate(email)]
    email: String,
}

#[derive(Deserialize, Validate)]
struct Page {
    #[validate(range(max = 9))]
    size: u32,
}

#[post("/users")]
#[public]
#[validate]
async fn create(user: Json<User>, page: Query<Page>) -> String {
    format!("{} {} {}", user.name, user.email, page.size)
}

/// Every error whose sentence is in the language that the client accepts. `x-panic` is for the test.
fn messages(error: &FieldError, accept_language: Option<&str>) -> Option<String> {
    assert_ne!(accept_language, Some("x-panic"), "a defect of the application");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let place = error.pointer().or(error.parameter())?;
    match (accept_language?.split(',').next()?, error.code()) {
        ("de", "length") => Some(format!("{place}: mindestens {} Zeichen.", error.param("min")?)),
        ("de", "range") => Some(format!("{place}: höchstens {}.", error.param("max")?)),
        ("de", "type") => Some(format!("{place}: falscher Typ.")),
        _ => None,
    }
}

#[actix_web::test]
async fn sentence_is_in_the_language_of_the_client() {
    let palisade = builder().input_messages(messages).build().unwrap();
    let app = init_service(App::new().service(create).wrap(palisade)).await;
    let invalid = || post_request("/users?size=1", r#"{"name":"a","email":"hunter2"}"#);
    let english = ["Must be an email address.", "The length must be at least 3."];
    for (languages, expected) in [
        (None, english),
        (Some("en,de;q=0.5"), english),
        (Some("de,en;q=0.5"), [english[0], "/name: mindestens 3 Zeichen."]),
        // The response is not lost.
        (Some("x-panic"), english),
    ] {
        let request = languages
            .into_iter()
            .fold(invalid(), |request, languages| request.insert_header(("accept-language", languages)));
        let response = call(&app, request).await;
        response.assert_problem(422);
        let json = response.json();
        let details: Vec<_> = json["errors"].as_array().unwrap().iter().map(|error| &error["detail"]).collect();
        assert_eq!(details, expected, "{languages:?}");
    }
    for (path, body, expected) in [
        ("/users?size=10", r#"{"name":"abc","email":"a@example.com"}"#, "size: höchstens 9."),
        // An error of the shape, not of a rule.
        ("/users?size=1", r#"{"name":1,"email":"a@example.com"}"#, "/name: falscher Typ."),
    ] {
        let response = call(&app, post_request(path, body).insert_header(("accept-language", "de"))).await;
        response.assert_problem(422);
        assert_eq!(response.json()["errors"][0]["detail"], expected, "{path} {body}");
    }
}
