//! CWE-20 and CWE-209 with the rules of `garde`: an error has the code and the numbers that the same rule of `validator` has, and
//! never the value.

use std::collections::HashMap;

use actix_web::App;
use actix_web::test::init_service;
use actix_web::web::{Form, Json, Path, Query};
use palisade::{get, post, public, validate};
use palisade_tests::{call, get_request, palisade, post_request};
use serde::Deserialize;
use serde_json::{Value, json};

/// The same rules twice.
#[derive(Deserialize, validator::Validate)]
struct ByValidator {
    #[validate(length(min = 3))]
    short: String,
    #[validate(length(max = 2))]
    long: String,
    #[validate(range(min = 3))]
    small: i32,
    #[validate(range(max = 2.5))]
    large: f64,
    #[validate(email)]
    email: String,
    #[validate(url)]
    url: String,
    #[validate(regex(path = *LETTERS))]
    pattern: String,
    #[validate(contains(pattern = "needle"))]
    part: String,
    #[validate(must_match(other = short))]
    twin: String,
    #[validate(required)]
    optional: Option<u8>,
}

#[derive(Deserialize, garde::Validate)]
struct ByGarde {
    #[garde(length(min = 3))]
    short: String,
    #[garde(length(max = 2))]
    long: String,
    #[garde(range(min = 3))]
    small: i32,
    #[garde(range(max = 2.5))]
    large: f64,
    #[garde(email)]
    email: String,
    #[garde(url)]
    url: String,
    #[garde(pattern(LETTERS))]
    pattern: String,
    #[garde(contains("needle"))]
    part: String,
    #[garde(matches(short))]
    twin: String,
    #[garde(required)]
    optional: Option<u8>,
}

static LETTERS: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| regex::Regex::new("^[a-z]+$").unwrap());

/// Rules that only `garde` has.
#[derive(Deserialize, garde::Validate)]
struct OnlyGarde {
    #[garde(ascii)]
    ascii: String,
    #[garde(alphanumeric)]
    alphanumeric: String,
    #[garde(prefix("Hello"))]
    prefix: String,
    #[garde(suffix("world"))]
    suffix: String,
    #[garde(ip)]
    ip: String,
    #[garde(custom(never))]
    own: String,
    #[garde(skip)]
    _skipped: String,
}

fn never(_: &str, (): &()) -> garde::Result {
    Err(garde::Error::new("This is never right."))
}

#[derive(Deserialize, garde::Validate)]
#[serde(rename_all = "camelCase")]
struct Tree {
    #[garde(length(min = 1))]
    node_name: String,
    #[garde(dive)]
    #[serde(default)]
    child_nodes: Vec<Tree>,
    #[garde(dive)]
    #[serde(default)]
    by_key: HashMap<String, Tree>,
}

/// A type with the rules of both crates.
#[derive(Deserialize, validator::Validate, garde::Validate)]
struct OfBoth {
    #[validate(range(max = 9))]
    #[garde(skip)]
    one: u32,
    #[garde(range(max = 9))]
    other: u32,
}

macro_rules! handlers {
    ($($name:ident $path:literal $argument:ty;)*) => {
        $(
            #[post($path)]
            #[public]
            #[validate]
            async fn $name(_: $argument) -> &'static str {
                "sound"
            }
        )*
    };
}
handlers! {
    by_validator "/validator" Json<ByValidator>;
    by_garde "/garde" Json<ByGarde>;
    only_garde "/only_garde" Json<OnlyGarde>;
    tree "/tree" Json<Tree>;
    trees "/trees" Json<Vec<Tree>>;
    boxed "/boxed" Option<palisade::input::Json<Box<Tree>>>;
    of_both "/both" Json<OfBoth>;
    list_of_both "/list_of_both" Json<Vec<OfBoth>>;
    form_of_both "/form_of_both" Form<OfBoth>;
    path_of_both "/path_of_both/{one}/{other}" Path<OfBoth>;
}

#[get("/query")]
#[public]
#[validate]
async fn query(_: Query<Tree>) -> &'static str {
    "sound"
}

macro_rules! app {
    () => {
        init_service(
            App::new()
                .service(
                    palisade::scope("")
                        .service(by_validator)
                        .service(by_garde)
                        .service(only_garde)
                        .service(tree)
                        .service(trees)
                        .service(boxed)
                        .service(of_both)
                        .service(list_of_both)
                        .service(form_of_both)
                        .service(path_of_both)
                        .service(query),
                )
                .wrap(palisade()),
        )
        .await
    };
}

/// The errors as JSON.
macro_rules! errors {
    ($app:ident, $request:expr) => {{
        let response = call(&$app, $request).await;
        response.assert_problem(422);
        response.json()["errors"].clone()
    }};
}

const WRONG: &str = r#"{"short":"h2","long":"hunter2","small":2,"large":2.75,"email":"hunter2","url":"hunter2",
    "pattern":"hunter2","part":"hunter2","twin":"hunter2","optional":null}"#;

#[actix_web::test]
async fn rule_has_the_same_error_with_both_crates() {
    let app = app!();
    let expected = errors!(app, post_request("/validator", WRONG));
    let found = errors!(app, post_request("/garde", WRONG));
    assert_eq!(found, expected);
    let summary: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {} {}", error["pointer"], error["code"], error["params"]).replace('"', ""))
        .collect();
    assert_eq!(
        summary,
        [
            "/email email null",
            "/large range {max:2.5}",
            "/long length {max:2}",
            "/optional required null",
            "/part contains null",
            "/pattern regex null",
            "/short length {min:3}",
            "/small range {min:3}",
            "/twin must_match null",
            "/url url null",
        ]
    );
}

#[actix_web::test]
async fn error_of_garde_has_the_code_of_its_rule_and_never_the_value() {
    let app = app!();
    let body = r#"{"ascii":"hunter2é","alphanumeric":"hunter 2","prefix":"hunter2","suffix":"hunter2","ip":"hunter2",
        "own":"hunter2","_skipped":"hunter2"}"#;
    let response = call(&app, post_request("/only_garde", body)).await;
    response.assert_problem(422);
    for secret in ["hunter", "\u{1}", "Hello", "world"] {
        assert!(!response.body.contains(secret), "{response:?}");
    }
    let json = response.json();
    let errors = json["errors"].as_array().unwrap();
    let codes: Vec<_> = errors.iter().map(|error| error["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["alphanumeric", "ascii", "ip", "invalid", "prefix", "suffix"]);
    assert_eq!(errors[3]["detail"], "This is never right.");
    let response = call(&app, post_request("/garde", WRONG)).await;
    assert!(!response.body.contains("hunter2"), "{response:?}");
}

#[actix_web::test]
async fn pointer_leads_to_the_field_of_a_nested_type() {
    let app = app!();
    let body = r#"{"nodeName":"a","childNodes":[{"nodeName":"b","byKey":{"x.y/z":{"nodeName":""}}},{"nodeName":""}]}"#;
    let pointers = |errors: Value| -> Vec<String> {
        let errors = errors.as_array().unwrap();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        pointers(errors!(app, post_request("/tree", body))),
        ["/childNodes/0/byKey/x.y~1z/nodeName", "/childNodes/1/nodeName"]
    );
    assert_eq!(pointers(errors!(app, post_request("/boxed", r#"{"nodeName":""}"#))), ["/nodeName"]);
    let list = r#"[{"nodeName":"a"},{"nodeName":""}]"#;
    assert_eq!(pointers(errors!(app, post_request("/trees", list))), ["/1/nodeName"]);
    assert_eq!(call(&app, post_request("/tree", r#"{"nodeName":"a"}"#)).await.body, "sound");
    assert_eq!(errors!(app, get_request("/query?nodeName="))[0]["code"], "length");
    assert_eq!(call(&app, get_request("/query?nodeName=a")).await.body, "sound");
}

#[actix_web::test]
async fn rules_of_both_crates_run() {
    let app = app!();
    let places = |errors: Value, member: &str| -> Vec<Value> {
        errors.as_array().unwrap().iter().map(|error| error[member].clone()).collect()
    };
    for (one, other, wrong) in [(1, 10, vec!["other"]), (10, 1, vec!["one"]), (10, 10, vec!["one", "other"])] {
        let body = json!({"one": one, "other": other}).to_string();
        let form = post_request("/form_of_both", &format!("one={one}&other={other}"))
            .insert_header(("content-type", "application/x-www-form-urlencoded"));
        let pointers: Vec<_> = wrong.iter().map(|name| json!(format!("/{name}"))).collect();
        assert_eq!(places(errors!(app, post_request("/both", &body)), "pointer"), pointers);
        assert_eq!(places(errors!(app, form), "pointer"), pointers);
        let pointers: Vec<_> = wrong.iter().map(|name| json!(format!("/0/{name}"))).collect();
        assert_eq!(places(errors!(app, post_request("/list_of_both", &format!("[{body}]"))), "pointer"), pointers);
        let path = format!("/path_of_both/{one}/{other}");
        assert_eq!(places(errors!(app, post_request(&path, "")), "parameter"), wrong);
    }
    assert_eq!(call(&app, post_request("/both", r#"{"one":1,"other":1}"#)).await.body, "sound");
}
