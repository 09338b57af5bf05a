//! CWE-20, CWE-915, CWE-235: input of the wrong shape, fields that the handler does not know, and parameters that are sent twice. Each
//! is rejected with the place of the mistake, by the extractors of palisade and as far as possible by those of actix-web.

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web;
use palisade::input::{self, InputError, InputLimits};
use palisade::{get, post, public};
use palisade_tests::{TestResponse, builder, call, get_request, post_request, request};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    user_name: String,
    #[serde(default)]
    line_items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    qty: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    q: String,
    limit: Option<u8>,
}

impl Order {
    fn show(&self) -> String {
        format!("{} {}", self.user_name, self.line_items.iter().map(|item| u32::from(item.qty)).sum::<u32>())
    }
}

impl Search {
    fn show(&self) -> String {
        format!("{} {:?}", self.q, self.limit)
    }
}

macro_rules! handlers {
    ($module:ident, $($extractors:ident)::+) => {
        mod $module {
            use super::*;
            use $($extractors)::+::{Form, Json, Path, Query};

            #[post("/json")]
            #[public]
            pub async fn json(body: Json<Order>) -> String {
                body.show()
            }

            #[post("/form")]
            #[public]
            pub async fn form(body: Form<Search>) -> String {
                body.show()
            }

            #[get("/query")]
            #[public]
            pub async fn query(query: Query<Search>) -> String {
                query.show()
            }

            #[get("/path/{shop}/{number}")]
            #[public]
            pub async fn path(path: Path<(String, u8)>) -> String {
                let (shop, number) = path.into_inner();
                format!("{shop} {number}")
            }
        }
    };
}
handlers!(actix, actix_web::web);
handlers!(ours, input);

#[post("/option")]
#[public]
async fn option(body: Option<input::Json<Order>>) -> String {
    body.map_or_else(|| "none".to_owned(), |body| body.show())
}

#[get("/option-query")]
#[public]
async fn option_query(query: Option<input::Query<Search>>) -> String {
    query.map_or_else(|| "none".to_owned(), |query| query.show())
}

#[post("/result")]
#[public]
async fn result(body: Result<input::Json<Order>, InputError>) -> String {
    body.map_or_else(|error| format!("{error} {}", error.errors().len()), |body| body.show())
}

#[post("/actix-result")]
#[public]
async fn actix_result(body: Result<web::Json<Order>, actix_web::Error>) -> String {
    body.map_or_else(|_| "wrong".to_owned(), |body| body.show())
}

#[get("/struct/{shop}/{number}")]
#[public]
async fn path_struct(path: input::Path<Place>) -> String {
    format!("{} {}", path.shop, path.number)
}

#[derive(Deserialize)]
struct Place {
    number: u8,
    shop: String,
}

#[get("/one/{number}")]
#[public]
async fn path_one(number: input::Path<u8>) -> String {
    number.to_string()
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(
            App::new()
                .service(
                    palisade::scope("/actix")
                        .service(actix::json)
                        .service(actix::form)
                        .service(actix::query)
                        .service(actix::path)
                        .service(actix_result),
                )
                .service(
                    palisade::scope("/ours")
                        .service(ours::json)
                        .service(ours::form)
                        .service(ours::query)
                        .service(ours::path)
                        .service(option)
                        .service(option_query)
                        .service(result)
                        .service(path_struct)
                        .service(path_one),
                )
                .wrap($palisade.build().unwrap()),
        )
        .await
    };
}

fn form(path: &str, form: &str) -> TestRequest {
    request(Method::POST, path)
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(form.to_owned())
}

fn outcome(response: &TestResponse) -> String {
    response.outcome()
}

#[actix_web::test]
async fn each_mistake_has_its_place() {
    let app = app!(builder());
    for (path, request_of, sent, ours, actix) in [
        (
            "json",
            post_request as fn(&str, &str) -> TestRequest,
            r#"{"userName":"a","lineItems":[{"qty":7}]}"#,
            "a 7",
            "a 7",
        ),
        ("json", post_request, "{}", r#"422 "" missing"#, r#"422 "" missing"#),
        ("json", post_request, r#"{"userName":7}"#, r#"422 "/userName" type"#, r#"422 "/userName" type"#),
        (
            "json",
            post_request,
            r#"{"userName":"a","lineItems":[{"qty":1},{"qty":256}]}"#,
            r#"422 "/lineItems/1/qty" value"#,
            r#"422 "/lineItems/1/qty" value"#,
        ),
        (
            "json",
            post_request,
            r#"{"userName":"a","lineItems":[{"qty":1},{}]}"#,
            r#"422 "/lineItems/1" missing"#,
            r#"422 "/lineItems/1" missing"#,
        ),
        // Without `strict`, unknown fields are accepted.
        ("json", post_request, r#"{"userName":"a","role":"admin"}"#, "a 0", "a 0"),
        ("json", post_request, r#"{"userName":"a","x":{"y":1,"y":2},"x":1}"#, r#"422 "/x" duplicate"#, "a 0"),
        (
            "json",
            post_request,
            r#"{"userName":"a","userName":"b"}"#,
            r#"422 "/userName" duplicate"#,
            r#"422 "/userName" duplicate"#,
        ),
        ("json", post_request, r#"["a",[]]"#, r#"422 "" type"#, "a 0"),
        ("json", post_request, r#"{"userName":"a",}"#, r#"400 "" json_syntax"#, r#"400 "" json_syntax"#),
        ("json", post_request, "\u{feff}{}", r#"400 "" json_syntax"#, r#"400 "" json_syntax"#),
        ("json", post_request, r#"{"userName":"\ud800"}"#, r#"400 "" json_syntax"#, r#"400 "" json_syntax"#),
        ("json", form, r#"{"userName":"a"}"#, "415", "415"),
        ("form", form, "q=a&limit=7", "a Some(7)", "a Some(7)"),
        ("form", form, "limit=7", r#"422 "" missing"#, r#"422 "" missing"#),
        ("form", form, "q=a&limit=x", r#"422 "/limit" type"#, r#"422 "/limit" type"#),
        ("form", form, "q=a&limit=1&limit=2", r#"422 "/limit" repeated"#, r#"422 "/limit" repeated"#),
        (
            "form",
            form,
            "q=a&x=1&y=2",
            r#"422 "/x" unknown_field "/y" unknown_field"#,
            r#"422 "/x" unknown_field "/y" unknown_field"#,
        ),
        ("form", post_request, "q=a", "415", "415"),
    ] {
        for (extractors, expected) in [("ours", ours), ("actix", actix)] {
            let response = call(&app, request_of(&format!("/{extractors}/{path}"), sent)).await;
            assert_eq!(outcome(&response), expected, "{extractors} {path} {sent}");
        }
    }
    for (path, ours, actix) in [
        ("query?q=a&limit=7", "a Some(7)", "a Some(7)"),
        ("query?q=a%20b", "a b None", "a b None"),
        ("query?limit=7", r#"422 "q" missing"#, r#"422 "q" missing"#),
        ("query", r#"422 "q" missing"#, r#"422 "q" missing"#),
        ("query?q=a&limit=many", r#"422 "limit" type"#, r#"422 "limit" type"#),
        ("query?q=a&q=b", r#"422 "q" repeated"#, r#"422 "q" repeated"#),
        (
            "query?q=a&r=1&s=2",
            r#"422 "r" unknown_field "s" unknown_field"#,
            r#"422 "r" unknown_field "s" unknown_field"#,
        ),
        ("path/a%2fb/7", "a/b 7", "a/b 7"),
        ("path/a/256", r#"404 "number" type"#, "404"),
    ] {
        for (extractors, expected) in [("ours", ours), ("actix", actix)] {
            let response = call(&app, get_request(&format!("/{extractors}/{path}"))).await;
            assert_eq!(outcome(&response), expected, "{extractors} {path}");
        }
    }
}

#[actix_web::test]
async fn option_is_none_only_if_there_is_no_input() {
    let app = app!(builder());
    let empty = request(Method::POST, "/ours/option");
    assert_eq!(call(&app, empty).await.body, "none");
    let no_bytes = post_request("/ours/option", "");
    assert_eq!(call(&app, no_bytes).await.body, "none");
    assert_eq!(call(&app, post_request("/ours/option", r#"{"userName":"a"}"#)).await.body, "a 0");
    for (sent, expected) in [("{", r#"400 "" json_syntax"#), ("{}", r#"422 "" missing"#)] {
        assert_eq!(outcome(&call(&app, post_request("/ours/option", sent)).await), expected, "{sent}");
    }
    assert_eq!(outcome(&call(&app, form("/ours/option", "a=1")).await), "415");
    for (query, expected) in
        [("", "none"), ("?q=a", "a None"), ("?limit=1", r#"422 "q" missing"#), ("?q=a&limit=x", r#"422 "limit" type"#)]
    {
        let response = call(&app, get_request(&format!("/ours/option-query{query}"))).await;
        assert_eq!(outcome(&response), expected, "{query}");
    }
}

#[actix_web::test]
async fn result_gives_the_error_to_the_handler() {
    let app = app!(builder());
    assert_eq!(call(&app, post_request("/ours/result", "{}")).await.body, "The input is invalid; see `errors`. 1");
    assert_eq!(call(&app, post_request("/ours/result", r#"{"userName":"a"}"#)).await.body, "a 0");
    assert_eq!(call(&app, post_request("/actix/actix-result", "{}")).await.body, "wrong");
}

#[actix_web::test]
async fn path_parameters_are_read_by_name_and_alone() {
    let app = app!(builder());
    assert_eq!(call(&app, get_request("/ours/struct/a/7")).await.body, "a 7");
    assert_eq!(outcome(&call(&app, get_request("/ours/struct/a/x")).await), r#"404 "number" type"#);
    assert_eq!(call(&app, get_request("/ours/one/7")).await.body, "7");
    assert_eq!(outcome(&call(&app, get_request("/ours/one/x")).await), r#"404 "number" type"#);
}

#[actix_web::test]
async fn input_over_a_limit_is_rejected_at_the_first_place_over_it() {
    let app = app!(builder().input_limits(InputLimits::new().depth(3).values(8).text(10).fields(2)));
    for (sent, expected) in [
        (r#"{"userName":"0123456789"}"#, "0123456789 0"),
        (r#"{"userName":"0123456789a"}"#, r#"422 "/userName" too_long"#),
        (r#"{"userName":"a","lineItems":[{"qty":1}]}"#, "a 1"),
        (r#"{"userName":"a","lineItems":[[[]]]}"#, r#"422 "/lineItems/0/0" too_deep"#),
        (r#"{"userName":"a","lineItems":[1,2,3,4,5,6]}"#, r#"422 "/lineItems/5" too_many_values"#),
        (r#"{"userName":"a","b":1,"c":2}"#, r#"422 "/c" too_many_fields"#),
        (r#"{"userName":"a","01234567890":1}"#, r#"422 "/01234567890" too_long"#),
    ] {
        assert_eq!(outcome(&call(&app, post_request("/ours/json", sent)).await), expected, "{sent}");
    }
    for (sent, expected) in [
        ("q=a&limit=1", "a Some(1)"),
        ("q=0123456789a", r#"422 "/q" too_long"#),
        ("q=a&limit=1&x=1", r#"422 "" too_many_fields"#),
    ] {
        assert_eq!(outcome(&call(&app, form("/ours/form", sent)).await), expected, "{sent}");
    }
    assert_eq!(outcome(&call(&app, get_request("/ours/query?q=0123456789a")).await), r#"422 "q" too_long"#);
}

#[actix_web::test]
async fn syntax_error_has_its_line_and_column() {
    let app = app!(builder());
    for extractors in ["ours", "actix"] {
        let response = call(&app, post_request(&format!("/{extractors}/json"), "{\n  \"userName\": hunter2\n}")).await;
        let error = &response.json()["errors"][0];
        assert_eq!((&error["params"]["line"], &error["params"]["column"]), (&2.into(), &15.into()), "{response:?}");
        assert!(!response.body.contains("hunter2"), "{response:?}");
    }
}
