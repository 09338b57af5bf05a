//! Each kind of argument, and each kind of mistake.
//!
//! Not in the tables, because it cannot happen: `strict` and `Option<..>` with an extractor of actix-web, which do not compile; a `Path`
//! that lacks a parameter or has one more, because its route and its type must agree; an unknown or nested field of a header, whose
//! parser belongs to the application; a nested field of a path.

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Header;
use palisade::input::{self, InputLimits, Multipart};
use palisade::{get, post, public, validate};
use palisade_tests::{builder, call, get_request, post_request, request};

use super::types::{GardeUpload, Shown, Upload, by_garde, by_validator};
use super::{form_request, multipart_request};

/// Handlers of one scope.
macro_rules! handlers {
    ($module:ident: use $($rules:ident)::+, $($extractors:ident)::+; #[$validate:meta]; $($method:ident $name:ident $path:literal $argument:ty;)*) => {
        mod $module {
            #[allow(unused_imports, reason = "a scope need not have all kinds")]
            use $($extractors)::+::{Form, Json, Path, Query};
            #[allow(unused_imports, reason = "a scope need not have all kinds")]
            use $($rules)::+::{Flat, Level, Order, Place};

            use super::*;

            $(
                #[$method($path)]
                #[public]
                #[$validate]
                async fn $name(input: $argument) -> String {
                    input.shown()
                }
            )*

            pub fn scope(prefix: &'static str) -> palisade::Scope {
                palisade::scope(prefix)$(.service($name))*
            }
        }
    };
    (all of $module:ident: use $($rules:ident)::+, $($extractors:ident)::+; #[$validate:meta]) => {
        handlers! {
            $module: use $($rules)::+, $($extractors)::+; #[$validate];
            post json "/json" Json<Order>;
            post list "/list" Json<Vec<Order>>;
            post form "/form" Form<Flat>;
            get query "/query" Query<Flat>;
            get path "/path/{userName}/{qty}" Path<Place>;
            get header "/header" Header<Level>;
        }
    };
    (options of $module:ident: use $($rules:ident)::+, $upload:ident; #[$validate:meta]) => {
        handlers! {
            $module: use $($rules)::+, palisade::input; #[$validate];
            post json "/json" Option<Json<Order>>;
            post list "/list" Option<Json<Vec<Order>>>;
            post form "/form" Option<Form<Flat>>;
            get query "/query" Option<Query<Flat>>;
            post parts "/parts" Option<Multipart<$upload>>;
        }
    };
    (parts of $module:ident: $upload:ident; #[$validate:meta]) => {
        handlers! {
            $module: use super::by_validator, palisade::input; #[$validate];
            post parts "/parts" Multipart<$upload>;
        }
    };
}
handlers!(all of validator_actix: use super::by_validator, actix_web::web; #[validate]);
handlers!(all of validator_ours: use super::by_validator, palisade::input; #[validate]);
handlers!(all of validator_strict: use super::by_validator, palisade::input; #[validate(strict)]);
handlers!(all of garde_actix: use super::by_garde, actix_web::web; #[validate]);
handlers!(all of garde_ours: use super::by_garde, palisade::input; #[validate]);
handlers!(all of garde_strict: use super::by_garde, palisade::input; #[validate(strict)]);
handlers!(options of validator_option: use super::by_validator, Upload; #[validate]);
handlers!(options of garde_option: use super::by_garde, GardeUpload; #[validate]);
handlers!(options of validator_strict_option: use super::by_validator, Upload; #[validate(strict)]);
handlers!(options of garde_strict_option: use super::by_garde, GardeUpload; #[validate(strict)]);
handlers!(parts of validator_parts: Upload; #[validate]);
handlers!(parts of garde_parts: GardeUpload; #[validate]);
handlers!(parts of validator_strict_parts: Upload; #[validate(strict)]);
handlers!(parts of garde_strict_parts: GardeUpload; #[validate(strict)]);

/// What a handler returns.
trait Input {
    fn shown(&self) -> String;
}

macro_rules! inputs {
    ($($input:ty)*) => {$(
        impl<T: Shown> Input for $input {
            fn shown(&self) -> String {
                T::show(self)
            }
        }
    )*};
}
inputs! {
    actix_web::web::Json<T> actix_web::web::Form<T> actix_web::web::Query<T> actix_web::web::Path<T>
    input::Json<T> input::Form<T> input::Query<T> input::Path<T> Multipart<T> Header<T>
}

impl<T: Input> Input for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Input::shown)
    }
}

/// The scopes whose responses differ: with the extractors of actix-web, of palisade, and strictly.
const ACTIX: [&str; 2] = ["/validator/actix", "/garde/actix"];
const OURS: [&str; 4] = ["/validator/ours", "/garde/ours", "/validator/option", "/garde/option"];
const STRICT: [&str; 4] = ["/validator/strict", "/garde/strict", "/validator/strict-option", "/garde/strict-option"];

macro_rules! app {
    () => {{
        let limits = InputLimits::new().text(20);
        let app = App::new()
            .service(validator_actix::scope(ACTIX[0]))
            .service(garde_actix::scope(ACTIX[1]))
            .service(validator_ours::scope(OURS[0]))
            .service(garde_ours::scope(OURS[1]))
            .service(validator_option::scope(OURS[2]))
            .service(garde_option::scope(OURS[3]))
            .service(validator_strict::scope(STRICT[0]))
            .service(garde_strict::scope(STRICT[1]))
            .service(validator_strict_option::scope(STRICT[2]))
            .service(garde_strict_option::scope(STRICT[3]))
            .service(validator_parts::scope("/validator/parts"))
            .service(garde_parts::scope("/garde/parts"))
            .service(validator_strict_parts::scope("/validator/strict-parts"))
            .service(garde_strict_parts::scope("/garde/strict-parts"));
        init_service(app.wrap(builder().input_limits(limits).build().unwrap())).await
    }};
}

/// An input, and the outcomes with the extractors of actix-web, with those of palisade, and with those and `strict`.
type Row<'a> = (&'a str, &'a str, [&'a str; 3]);

/// Checks the rows in each scope that has such a handler.
macro_rules! check {
    ($app:ident, $path:literal, $request:expr, $rows:expr, $scopes:expr) => {
        for (case, input, expected) in $rows {
            for (scopes, expected) in $scopes.into_iter().zip(expected) {
                for scope in scopes {
                    let request: TestRequest = $request(format!("{scope}{}", $path), input);
                    assert_eq!(call(&$app, request).await.outcome(), expected, "{case} in {scope}{}: {input}", $path);
                }
            }
        }
    };
}

const ALL: [&[&str]; 3] = [&ACTIX, &OURS, &STRICT];

const LONG: &str = "012345678901234567890";

#[actix_web::test]
async fn json() {
    let app = app!();
    let accepted = "ada 7 Ulm";
    let rows: [Row<'_>; 12] = [
        ("sound", r#"{"userName":"ada","qty":7,"address":{"city":"Ulm"}}"#, [accepted; 3]),
        ("missing", r#"{"userName":"ada","address":{"city":"Ulm"}}"#, [r#"422 "" missing"#; 3]),
        ("mistyped", r#"{"userName":"ada","qty":"7","address":{"city":"Ulm"}}"#, [r#"422 "/qty" type"#; 3]),
        (
            "unknown",
            r#"{"role":"admin","userName":"ada","qty":7,"address":{"city":"Ulm"},"is_admin":true}"#,
            [accepted, accepted, r#"422 "/is_admin" unknown_field "/role" unknown_field"#],
        ),
        ("duplicate", r#"{"userName":"ada","qty":7,"address":{"city":"Ulm"},"qty":8}"#, [r#"422 "/qty" duplicate"#; 3]),
        (
            "too long for a rule",
            r#"{"userName":"adaada","qty":7,"address":{"city":"Ulm"}}"#,
            [r#"422 "/userName" length"#; 3],
        ),
        ("too large", r#"{"userName":"ada","qty":10,"address":{"city":"Ulm"}}"#, [r#"422 "/qty" range"#; 3]),
        (
            "too long for a limit",
            &format!(r#"{{"userName":"{LONG}","qty":7,"address":{{"city":"Ulm"}}}}"#),
            [r#"422 "/userName" length"#, r#"422 "/userName" too_long"#, r#"422 "/userName" too_long"#],
        ),
        (
            "nested too long",
            r#"{"userName":"ada","qty":7,"address":{"city":"Vienna"}}"#,
            [r#"422 "/address/city" length"#; 3],
        ),
        ("nested mistyped", r#"{"userName":"ada","qty":7,"address":{"city":1}}"#, [r#"422 "/address/city" type"#; 3]),
        ("nested missing", r#"{"userName":"ada","qty":7,"address":{}}"#, [r#"422 "/address" missing"#; 3]),
        (
            "nested unknown",
            r#"{"userName":"ada","qty":7,"address":{"city":"Ulm","role":"admin"}}"#,
            [accepted, accepted, r#"422 "/address/role" unknown_field"#],
        ),
    ];
    check!(app, "/json", |path: String, input: &str| post_request(&path, input), rows, ALL);
    // Each mistake in a list, after a sound item.
    let (_, sound, _) = rows[0];
    for (case, input, expected) in rows {
        let input = format!("[{sound},{input}]");
        let expected = expected.map(|expected| match expected.strip_prefix("422 ") {
            Some(errors) => {
                format!("422 {}", errors.replace("\"\"", "\"/\"").replace("\"/", "\"/1/").replace("/1/\"", "/1\""))
            }
            None => format!("{accepted}, {expected}"),
        });
        let request = |path: String, input: &str| post_request(&path, input);
        check!(app, "/list", request, [(case, &*input, expected)], ALL);
    }
}

#[actix_web::test]
async fn forms_and_queries() {
    let app = app!();
    let accepted = "ada 7 Ulm";
    let limit = format!("userName={LONG}&qty=7&city=Ulm");
    // A place is a pointer in a form, and the name of the parameter in a query. A query lacks a name, and a form a field.
    let rows: [(&str, &str, [&str; 3], [&str; 3]); 10] = [
        ("sound", "userName=ada&qty=7&city=Ulm", [accepted; 3], [accepted; 3]),
        ("missing", "userName=ada&city=Ulm", [r#"422 "" missing"#; 3], [r#"422 "qty" missing"#; 3]),
        ("mistyped", "userName=ada&qty=x&city=Ulm", [r#"422 "/qty" type"#; 3], [r#"422 "qty" type"#; 3]),
        (
            "unknown",
            "role=admin&userName=ada&qty=7&city=Ulm&is_admin=1",
            [accepted, accepted, r#"422 "/is_admin" unknown_field "/role" unknown_field"#],
            [accepted, accepted, r#"422 "is_admin" unknown_field "role" unknown_field"#],
        ),
        ("repeated", "userName=ada&qty=7&city=Ulm&qty=7", [r#"422 "/qty" repeated"#; 3], [r#"422 "qty" repeated"#; 3]),
        (
            "too long for a rule",
            "userName=adaada&qty=7&city=Ulm",
            [r#"422 "/userName" length"#; 3],
            [r#"422 "userName" length"#; 3],
        ),
        ("too large", "userName=ada&qty=10&city=Ulm", [r#"422 "/qty" range"#; 3], [r#"422 "qty" range"#; 3]),
        (
            "too long for a limit",
            &limit,
            [r#"422 "/userName" length"#, r#"422 "/userName" too_long"#, r#"422 "/userName" too_long"#],
            [r#"422 "userName" length"#, r#"422 "userName" too_long"#, r#"422 "userName" too_long"#],
        ),
        (
            "nested too long",
            "userName=ada&qty=7&city=Vienna",
            [r#"422 "/city" length"#; 3],
            [r#"422 "city" length"#; 3],
        ),
        ("nested missing", "userName=ada&qty=7", [r#"422 "" missing"#; 3], [r#"422 "city" missing"#; 3]),
    ];
    let forms = rows.map(|(case, input, form, _)| (case, input, form));
    check!(app, "/form", |path: String, input: &str| form_request(&path, input), forms, ALL);
    let queries = rows.map(|(case, input, _, query)| (case, input, query));
    check!(app, "/query", |path: String, input: &str| get_request(&format!("{path}?{input}")), queries, ALL);
}

#[actix_web::test]
async fn paths() {
    let app = app!();
    let scopes: [&[&str]; 3] = [&ACTIX, &OURS[..2], &STRICT[..2]];
    let rows: [Row<'_>; 4] = [
        ("sound", "ada/7", ["ada 7"; 3]),
        ("mistyped", "ada/x", ["404", r#"404 "qty" type"#, r#"404 "qty" type"#]),
        ("too long", "adaada/7", [r#"422 "userName" length"#; 3]),
        ("too large", "ada/10", [r#"422 "qty" range"#; 3]),
    ];
    check!(app, "/path/", |path: String, input: &str| get_request(&format!("{path}{input}")), rows, scopes);
}

#[actix_web::test]
async fn headers() {
    let app = app!();
    // The extractor is that of actix-web, whatever reads the rest.
    let scopes: [&[&str]; 3] = [&ACTIX, &OURS[..2], &STRICT[..2]];
    let rows: [Row<'_>; 3] =
        [("sound", "7", ["7"; 3]), ("mistyped", "x", ["400"; 3]), ("too large", "10", [r#"422 "x-level" range"#; 3])];
    let request = |path: String, input: &str| get_request(&path).insert_header(("x-level", input));
    check!(app, "/header", request, rows, scopes);
    check!(app, "/header", |path: String, _: &str| get_request(&path), [("missing", "", ["400"; 3])], scopes);
}

#[actix_web::test]
async fn absent_optional_input_is_none() {
    let app = app!();
    for scope in [&OURS[2..], &STRICT[2..]].concat() {
        for path in ["/json", "/list", "/form", "/parts"] {
            let empty = request(Method::POST, &format!("{scope}{path}"));
            assert_eq!(call(&app, empty).await.outcome(), "none", "{scope}{path}");
        }
        assert_eq!(call(&app, get_request(&format!("{scope}/query"))).await.outcome(), "none", "{scope}");
    }
}

#[actix_web::test]
async fn parts() {
    let app = app!();
    let name = ("userName", "ada");
    let order = ("order", r#"{"userName":"ada","qty":7,"address":{"city":"Ulm"}}"#);
    let accepted = "ada ada 7 Ulm";
    for (case, parts, [by_validator, by_garde, strict]) in [
        ("sound", vec![name, order], [accepted; 3]),
        ("missing", vec![order], [r#"422 "" missing"#; 3]),
        ("mistyped", vec![name, ("order", "{")], [r#"422 "/order" json_syntax"#; 3]),
        (
            "unknown",
            vec![name, order, ("role", "admin"), ("is_admin", "1")],
            [accepted, accepted, r#"422 "/is_admin" unknown_field "/role" unknown_field"#],
        ),
        ("duplicate", vec![name, order, name], [r#"422 "/userName" duplicate"#; 3]),
        (
            "too long for a rule",
            vec![("userName", "adaada"), order],
            [r#"422 "/userName" length"#, r#"422 "/userName" invalid"#, ""],
        ),
        ("too long for a limit", vec![("userName", LONG), order], [r#"422 "/userName" too_long"#; 3]),
        (
            "nested too large",
            vec![name, ("order", r#"{"userName":"ada","qty":10,"address":{"city":"Ulm"}}"#)],
            [r#"422 "/order/qty" range"#, r#"422 "/order" invalid"#, ""],
        ),
        (
            "nested too long",
            vec![name, ("order", r#"{"userName":"ada","qty":7,"address":{"city":"Vienna"}}"#)],
            [r#"422 "/order/address/city" length"#, r#"422 "/order" invalid"#, ""],
        ),
        (
            "nested mistyped",
            vec![name, ("order", r#"{"userName":"ada","qty":"x","address":{"city":"Ulm"}}"#)],
            [r#"422 "/order/qty" type"#; 3],
        ),
        (
            "nested unknown",
            vec![name, ("order", r#"{"userName":"ada","qty":7,"address":{"city":"Ulm","role":"admin"}}"#)],
            [accepted, accepted, r#"422 "/order/address/role" unknown_field"#],
        ),
    ] {
        let strict = |other| if strict.is_empty() { other } else { strict };
        for (scope, expected) in [
            ("/validator/parts", by_validator),
            ("/validator/option", by_validator),
            ("/garde/parts", by_garde),
            ("/garde/option", by_garde),
            ("/validator/strict-parts", strict(by_validator)),
            ("/validator/strict-option", strict(by_validator)),
            ("/garde/strict-parts", strict(by_garde)),
            ("/garde/strict-option", strict(by_garde)),
        ] {
            let request = multipart_request(&format!("{scope}/parts"), &parts);
            assert_eq!(call(&app, request).await.outcome(), expected, "{case} in {scope}: {parts:?}");
        }
    }
}
