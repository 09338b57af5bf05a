//! CWE-20: input that `#[validate]` skips because of the kind of its argument. Each kind of argument is validated: also behind an
//! alias, in a container and beside others. Each error has the place where the client made the mistake.

use std::collections::{BTreeMap, HashMap};
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::num::NonZeroU32;

use actix_web::dev;
use actix_web::error::ParseError;
use actix_web::http::header::{
    self, Header, HeaderName, HeaderValue, InvalidHeaderValue, TryIntoHeaderValue, from_one_raw_str,
};
use actix_web::test::init_service;
use actix_web::web::{self, Form, Json, Path, Query};
use actix_web::{App, Either, FromRequest, HttpMessage, HttpRequest};
use palisade::input;
use palisade::validation::{ContentSource, Input, MAX_ERRORS};
use palisade::{get, post, public, validate};
use palisade_tests::{TestResponse, call, get_request, palisade, post_request};
use serde::Deserialize;
use uuid::Uuid;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Item {
    #[validate(range(min = 1, max = 9))]
    count: u32,
}

/// A type of the application that has no rules: its parser is the check.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Code(String);

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 3 { Ok(Self(text)) } else { Err("not a code") }
    }
}

/// A header of the application.
#[derive(Validate)]
struct Priority {
    #[validate(range(max = 9))]
    level: u32,
}

impl TryIntoHeaderValue for Priority {
    type Error = InvalidHeaderValue;

    fn try_into_value(self) -> Result<HeaderValue, Self::Error> {
        HeaderValue::try_from(self.level.to_string())
    }
}

impl Header for Priority {
    fn name() -> HeaderName {
        HeaderName::from_static("x-priority")
    }

    fn parse<M: HttpMessage>(message: &M) -> Result<Self, ParseError> {
        from_one_raw_str(message.headers().get(Self::name())).map(|level| Self { level })
    }
}

/// An extractor of the application: the first byte of the query is a number.
struct FirstDigit(Item);

impl FromRequest for FirstDigit {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let digit = request.query_string().bytes().next().unwrap_or(b'0');
        ready(Ok(Self(Item { count: u32::from(digit - b'0') })))
    }
}

impl Input for FirstDigit {
    type Content = Item;
    const SOURCE: ContentSource = ContentSource::Parameters;

    fn content(&self) -> &Item {
        &self.0
    }
}

type AliasOfPath = Path<Item>;
type AliasOfHeader = web::Header<Priority>;

macro_rules! posts {
    ($($name:ident $path:literal: $($argument:ty),+;)*) => {
        #[allow(clippy::vec_box, reason = "the type is what is tested")]
        mod handlers {
            use super::*;

            $(
            #[post($path)]
            #[public]
            #[validate]
            async fn $name($(_: $argument),+) -> &'static str {
                "sound"
            }
            )*

            pub fn all() -> palisade::Scope {
                palisade::scope("")$(.service($name))*
            }
        }
    };
}

posts! {
    json "/json": Json<Item>;
    form "/form": Form<Item>;
    query "/query": Query<Item>;
    path "/path/{count}": Path<Item>;
    alias_of_path "/path_alias/{count}": AliasOfPath;
    path_beside_json "/path_beside_json/{count}": Path<Item>, Json<Item>;
    own_header "/header": web::Header<Priority>;
    header_beside_json "/header_beside_json": AliasOfHeader, Json<Item>;
    own_extractor "/own": FirstDigit;
    option "/option": Option<input::Json<Item>>;
    option_of_path "/option_of_path/{count}": Option<Path<Item>>;
    result "/result": Result<Json<Item>, actix_web::Error>;
    either "/either": Either<Json<Item>, Form<Item>>;
    option_of_either "/option_of_either": Option<Either<input::Json<Item>, input::Form<Item>>>;
    list "/list": Json<Vec<Item>>;
    boxed "/boxed": Json<Box<Item>>;
    list_of_boxed "/list_of_boxed": Json<Vec<Box<Item>>>;
    optional_content "/optional_content": Json<Option<Item>>;
    map "/map": Json<HashMap<String, Item>>;
    map_of_lists "/map_of_lists": Json<BTreeMap<u32, Vec<Item>>>;
    scalars "/scalars/{a}/{b}/{c}/{d}/{e}": Path<(u8, String, Uuid, IpAddr, NonZeroU32)>, Json<Item>;
    actix_header "/actix_header": web::Header<header::ContentType>, Json<Item>;
}

#[post("/excepted/{code}")]
#[public]
#[validate(except(code))]
async fn excepted(code: Path<Code>, _body: Json<Item>) -> String {
    code.into_inner().0
}

#[get("/named/{count}")]
#[public]
#[validate(item)]
async fn named(item: Path<Item>) -> String {
    item.count.to_string()
}

macro_rules! app {
    () => {
        init_service(App::new().service(handlers::all().service(excepted).service(named)).wrap(palisade())).await
    };
}

/// The errors as `<member> <place> <code>`.
fn errors(response: &TestResponse) -> Vec<String> {
    response.assert_problem(422);
    let json = response.json();
    let place = |error: &serde_json::Value| {
        ["pointer", "parameter", "header"]
            .into_iter()
            .find_map(|member| Some(format!("{member} {}", error[member].as_str()?)))
            .unwrap()
    };
    let errors = json["errors"].as_array().unwrap();
    errors.iter().map(|error| format!("{} {}", place(error), error["code"].as_str().unwrap())).collect()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[actix_web::test]
async fn each_kind_of_argument_is_validated() {
    let app = app!();
    let (sound, invalid) = (r#"{"count":1}"#, r#"{"count":0}"#);
    let body = "pointer /count range";
    for (path, sound, wrong, errors_of_wrong) in [
        ("/json", ("", sound), ("", invalid), vec![body]),
        ("/query", ("?count=1", ""), ("?count=0", ""), vec!["parameter count range"]),
        ("/path", ("/1", ""), ("/0", ""), vec!["parameter count range"]),
        ("/path_alias", ("/1", ""), ("/0", ""), vec!["parameter count range"]),
        ("/path_beside_json", ("/1", sound), ("/0", sound), vec!["parameter count range"]),
        ("/path_beside_json", ("/1", sound), ("/1", invalid), vec![body]),
        // One response has the errors of all arguments.
        ("/path_beside_json", ("/1", sound), ("/0", invalid), vec![body, "parameter count range"]),
        ("/own", ("?1", ""), ("?0", ""), vec!["parameter count range"]),
        ("/option", ("", sound), ("", invalid), vec![body]),
        ("/option_of_path", ("/1", ""), ("/0", ""), vec!["parameter count range"]),
        ("/result", ("", sound), ("", invalid), vec![body]),
        ("/either", ("", sound), ("", invalid), vec![body]),
        ("/option_of_either", ("", sound), ("", invalid), vec![body]),
        ("/list", ("", r#"[{"count":1}]"#), ("", r#"[{"count":1},{"count":0}]"#), vec!["pointer /1/count range"]),
        ("/boxed", ("", sound), ("", invalid), vec![body]),
        ("/list_of_boxed", ("", r#"[{"count":1}]"#), ("", r#"[{"count":0}]"#), vec!["pointer /0/count range"]),
        ("/optional_content", ("", "null"), ("", invalid), vec![body]),
        (
            "/map",
            ("", r#"{"a":{"count":1}}"#),
            ("", r#"{"a":{"count":1},"b/c":{"count":0}}"#),
            vec!["pointer /b~1c/count range"],
        ),
        (
            "/map_of_lists",
            ("", r#"{"7":[{"count":1}]}"#),
            ("", r#"{"7":[{"count":0}],"8":[{"count":1},{"count":10}]}"#),
            vec!["pointer /7/0/count range", "pointer /8/1/count range"],
        ),
        (
            "/scalars",
            ("/1/a/67e55044-10b1-426f-9247-bb680e5fe0c8/::1/1", sound),
            ("/1/a/67e55044-10b1-426f-9247-bb680e5fe0c8/::1/1", invalid),
            vec![body],
        ),
        ("/actix_header", ("", sound), ("", invalid), vec![body]),
    ] {
        let sent = call(&app, post_request(&format!("{path}{}", sound.0), sound.1)).await;
        assert_eq!((sent.status.as_u16(), sent.body.as_str()), (200, "sound"), "{path} {sound:?}");
        let sent = call(&app, post_request(&format!("{path}{}", wrong.0), wrong.1)).await;
        assert_eq!(errors(&sent), errors_of_wrong, "{path} {wrong:?}");
    }
}

#[actix_web::test]
async fn forms_and_headers_are_validated() {
    let app = app!();
    for path in ["/form", "/either", "/option_of_either"] {
        let form = |count| post_request(path, count).insert_header(("content-type", FORM));
        assert_eq!(call(&app, form("count=1")).await.body, "sound", "{path}");
        assert_eq!(errors(&call(&app, form("count=0")).await), ["pointer /count range"], "{path}");
    }
    for path in ["/header", "/header_beside_json"] {
        let at = |level| post_request(path, r#"{"count":1}"#).insert_header(("x-priority", level));
        assert_eq!(call(&app, at("9")).await.body, "sound", "{path}");
        assert_eq!(errors(&call(&app, at("10")).await), ["header x-priority range"], "{path}");
    }
    let wrong_body = post_request("/header_beside_json", r#"{"count":0}"#).insert_header(("x-priority", "1"));
    assert_eq!(errors(&call(&app, wrong_body).await), ["pointer /count range"]);
}

#[actix_web::test]
async fn excepted_path_is_parsed_and_the_rest_is_validated() {
    let app = app!();
    assert_eq!(call(&app, post_request("/excepted/abc", r#"{"count":1}"#)).await.body, "abc");
    assert_eq!(call(&app, post_request("/excepted/abcd", r#"{"count":1}"#)).await.status, 404);
    assert_eq!(errors(&call(&app, post_request("/excepted/abc", r#"{"count":0}"#)).await), ["pointer /count range"]);
    assert_eq!(call(&app, get_request("/named/1")).await.body, "1");
    assert_eq!(errors(&call(&app, get_request("/named/0")).await), ["parameter count range"]);
}

#[actix_web::test]
async fn response_has_a_stated_number_of_errors_with_the_numbers_of_their_rules() {
    let app = app!();
    let many = format!("[{}]", vec![r#"{"count":0}"#; 1000].join(","));
    for path in ["/list", "/list_of_boxed"] {
        let response = call(&app, post_request(path, &many)).await;
        let errors = errors(&response);
        assert_eq!(errors.len(), MAX_ERRORS, "{path}");
        assert!(errors.is_sorted() && errors[0] == "pointer /0/count range", "{path} {errors:?}");
        assert_eq!(response.json()["errors"][0]["params"], serde_json::json!({"min": 1, "max": 9}), "{path}");
    }
}
