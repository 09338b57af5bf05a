//! CWE-209: an error of a rule that has a name of the program, which the client never sent. The places are in the names of the wire.
//!
//! `garde` does not tell the rejected value. If a field has an arbitrary other name, the error of `garde` is therefore at the nearest
//! parent; for a parameter, it has the name of the Rust field.

use std::collections::BTreeMap;

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::init_service;
use palisade::{compressed_body, get, post, public, validate};
use palisade_tests::{call, get_request, palisade, post_request, request};
use serde::Deserialize;
use serde_json::Value;
use validator::Validate as _;

use super::form_request;

macro_rules! types {
    ($module:ident, $rules:ident: $length:meta, $range:meta, $nested:meta) => {
        mod $module {
            use super::*;

            #[derive(Deserialize, $rules::Validate)]
            pub struct Item {
                #[serde(rename = "n")]
                #[$range]
                count: u8,
            }

            #[derive(Deserialize, $rules::Validate)]
            #[serde(rename_all = "kebab-case")]
            pub struct Address {
                #[$length]
                post_code: String,
                #[serde(rename = "town")]
                #[$length]
                city: String,
            }

            #[derive(Deserialize, $rules::Validate)]
            #[serde(rename_all = "camelCase")]
            pub struct Account {
                #[$length]
                user_name: String,
                #[serde(rename = "mail")]
                #[$length]
                email_address: String,
                #[serde(flatten)]
                #[$nested]
                address: Address,
                #[serde(default)]
                #[$nested]
                by_key: BTreeMap<String, Item>,
                #[serde(default)]
                #[$nested]
                line_items: Vec<Item>,
            }

            #[derive(Deserialize, $rules::Validate)]
            #[serde(rename_all = "camelCase")]
            pub struct Flat {
                #[$length]
                user_name: String,
                #[serde(rename = "mail")]
                #[$length]
                email_address: String,
            }

            impl Account {
                pub fn size(&self) -> usize {
                    let texts = [&self.user_name, &self.email_address, &self.address.post_code, &self.address.city];
                    let items = self.by_key.values().chain(&self.line_items).map(|item| usize::from(item.count));
                    texts.map(String::len).iter().sum::<usize>() + items.sum::<usize>()
                }
            }

            impl Flat {
                pub fn size(&self) -> usize {
                    self.user_name.len() + self.email_address.len()
                }
            }
        }
    };
}
types!(by_validator, validator: validate(length(max = 3)), validate(range(max = 9)), validate(nested));
types!(by_garde, garde: garde(length(max = 3)), garde(range(max = 9)), garde(dive));

macro_rules! handlers {
    ($module:ident: $rules:ident, $($extractors:ident)::+) => {
        mod $module {
            use $($extractors)::+::{Form, Json, Path, Query};

            use super::$rules::{Account, Flat};
            use super::*;

            #[post("/json")]
            #[public]
            #[validate]
            #[compressed_body("1MiB")]
            async fn json(body: Json<Account>) -> String {
                body.size().to_string()
            }

            #[post("/form")]
            #[public]
            #[validate]
            async fn form(body: Form<Flat>) -> String {
                body.size().to_string()
            }

            #[get("/query")]
            #[public]
            #[validate]
            async fn query(query: Query<Flat>) -> String {
                query.size().to_string()
            }

            #[get("/path/{userName}/{mail}")]
            #[public]
            #[validate]
            async fn path(path: Path<Flat>) -> String {
                path.size().to_string()
            }

            pub fn scope(prefix: &str) -> palisade::Scope {
                palisade::scope(prefix).service(json).service(form).service(query).service(path)
            }
        }
    };
}
handlers!(validator_actix: by_validator, actix_web::web);
handlers!(validator_ours: by_validator, palisade::input);
handlers!(garde_actix: by_garde, actix_web::web);
handlers!(garde_ours: by_garde, palisade::input);

const VALIDATOR: [&str; 2] = ["/validator/actix", "/validator/ours"];
const GARDE: [&str; 2] = ["/garde/actix", "/garde/ours"];

macro_rules! app {
    () => {
        init_service(
            App::new()
                .service(validator_actix::scope(VALIDATOR[0]))
                .service(validator_ours::scope(VALIDATOR[1]))
                .service(garde_actix::scope(GARDE[0]))
                .service(garde_ours::scope(GARDE[1]))
                .wrap(palisade()),
        )
        .await
    };
}

/// Bodies, with the errors by the rules of `validator` and of `garde`.
const BODIES: [(&str, &str, &str); 9] = [
    (
        r#"{"userName":"ada","mail":"a@b","post-code":"1","town":"Ulm","byKey":{"k":{"n":1}},"lineItems":[{"n":2}]}"#,
        "13",
        "13",
    ),
    (
        r#"{"userName":"adaa","mail":"a@b","post-code":"1","town":"Ulm"}"#,
        r#"422 "/userName" length"#,
        r#"422 "/userName" length"#,
    ),
    (r#"{"userName":"ada","mail":"a@bc","post-code":"1","town":"Ulm"}"#, r#"422 "/mail" length"#, r#"422 "" length"#),
    // The value leads to no place if two members have it.
    (
        r#"{"userName":"ada","mail":"a@bc","post-code":"1","town":"Ulm","other":"a@bc"}"#,
        r#"422 "" length"#,
        r#"422 "" length"#,
    ),
    (
        r#"{"userName":"ada","mail":"a@b","post-code":"1234","town":"Ulm"}"#,
        r#"422 "/post-code" length"#,
        r#"422 "/post-code" length"#,
    ),
    (r#"{"userName":"ada","mail":"a@b","post-code":"1","town":"Vienna"}"#, r#"422 "/town" length"#, r#"422 "" length"#),
    (
        r#"{"userName":"ada","mail":"a@b","post-code":"1","town":"Ulm","byKey":{"a/b":{"n":10},"c":{"n":1}}}"#,
        r#"422 "/byKey/a~1b/n" range"#,
        r#"422 "/byKey/a~1b" range"#,
    ),
    (
        r#"{"userName":"ada","mail":"a@b","post-code":"1","town":"Ulm","lineItems":[{"n":1},{"n":10}]}"#,
        r#"422 "/lineItems/1/n" range"#,
        r#"422 "/lineItems/1" range"#,
    ),
    (
        r#"{"userName":"adaa","mail":"a@bc","post-code":"1234","town":"Linz","lineItems":[{"n":255}]}"#,
        r#"422 "/lineItems/0/n" range "/mail" length "/post-code" length "/town" length "/userName" length"#,
        r#"422 "" length "" length "/lineItems/0" range "/post-code" length "/userName" length"#,
    ),
];

#[actix_web::test]
async fn error_of_a_rule_has_the_names_of_the_wire() {
    let app = app!();
    for (body, by_validator, by_garde) in BODIES {
        for (scopes, expected) in [(VALIDATOR, by_validator), (GARDE, by_garde)] {
            for scope in scopes {
                let response = call(&app, post_request(&format!("{scope}/json"), body)).await;
                assert_eq!(response.outcome(), expected, "{scope} {body}");
            }
        }
    }
}

#[actix_web::test]
async fn error_of_a_rule_has_the_name_of_the_parameter() {
    let app = app!();
    for (name, mail, [form, query], [garde_form, garde_query]) in [
        ("ada", "a@b", ["6"; 2], ["6"; 2]),
        (
            "adaa",
            "a@b",
            [r#"422 "/userName" length"#, r#"422 "userName" length"#],
            [r#"422 "/userName" length"#, r#"422 "userName" length"#],
        ),
        (
            "ada",
            "a@bc",
            [r#"422 "/mail" length"#, r#"422 "mail" length"#],
            [r#"422 "" length"#, r#"422 "email_address" length"#],
        ),
    ] {
        for (scopes, form, parameters) in [(VALIDATOR, form, query), (GARDE, garde_form, garde_query)] {
            for scope in scopes {
                let pairs = format!("userName={name}&mail={mail}");
                let sent = call(&app, form_request(&format!("{scope}/form"), &pairs)).await;
                assert_eq!(sent.outcome(), form, "{scope} {pairs}");
                for path in [format!("{scope}/query?{pairs}"), format!("{scope}/path/{name}/{mail}")] {
                    assert_eq!(call(&app, get_request(&path)).await.outcome(), parameters, "{path}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn error_of_a_rule_has_its_place_in_an_input_beyond_the_default_limits() {
    let app = app!();
    // The extractors of actix-web do not limit the number of values.
    let items = format!("{}{{\"n\":10}}", r#"{"n":1},"#.repeat(10_000));
    let body = format!(r#"{{"userName":"ada","mail":"a@b","post-code":"1","town":"Ulm","lineItems":[{items}]}}"#);
    let response = call(&app, post_request("/validator/actix/json", &body)).await;
    assert_eq!(response.outcome(), r#"422 "/lineItems/10000/n" range"#);
}

/// The body in the coding `deflate` (RFC 1950), in one block that is only stored (RFC 1951 §3.2.4).
fn deflated(body: &str) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let (a, b) = body.bytes().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    let checksum = ((b << 16) | a).to_be_bytes();
    [&[0x78, 1, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), body.as_bytes(), &checksum].concat()
}

#[actix_web::test]
async fn pointer_resolves_in_a_compressed_body() {
    let app = app!();
    for (body, by_validator, by_garde) in BODIES {
        let sent: Value = serde_json::from_str(body).unwrap();
        for (scopes, expected) in [(VALIDATOR, by_validator), (GARDE, by_garde)] {
            for scope in scopes {
                let compressed = request(Method::POST, &format!("{scope}/json"))
                    .insert_header(("content-type", "application/json"))
                    .insert_header(("content-encoding", "deflate"))
                    .set_payload(deflated(body));
                let response = call(&app, compressed).await;
                assert_eq!(response.outcome(), expected, "{scope} {body}");
                if response.status.is_success() {
                    continue;
                }
                for error in response.json()["errors"].as_array().unwrap() {
                    assert!(sent.pointer(error["pointer"].as_str().unwrap()).is_some(), "{error} in {body}");
                }
            }
        }
    }
    // An error of the shape, which is found in the same way.
    for scope in [VALIDATOR, GARDE].concat() {
        let compressed = request(Method::POST, &format!("{scope}/json"))
            .insert_header(("content-type", "application/json"))
            .insert_header(("content-encoding", "deflate"))
            .set_payload(deflated(r#"{"userName":"ada","mail":7,"post-code":"1","town":"Ulm"}"#));
        assert_eq!(call(&app, compressed).await.outcome(), r#"422 "/mail" type"#, "{scope}");
    }
}
