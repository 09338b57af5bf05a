//! Mass assignment (CWE-915): unknown fields of a type with each attribute of `serde`. A strict handler reports all of them, each with its
//! pointer. A handler that is not strict accepts them, unless the type denies them.

use std::collections::HashMap;

use actix_web::App;
use actix_web::test::init_service;
use palisade::input::Json;
use palisade::{post, public, validate};
use palisade_tests::{call, palisade, post_request};
use serde::Deserialize;
use serde_json::Value;
use validator::Validate;

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape matters")]
struct Inner {
    a: u8,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(dead_code, reason = "only its shape matters")]
enum Internal {
    Circle { radius: u8 },
    Boxed(Inner),
    Point,
}

#[derive(Deserialize)]
#[serde(tag = "t", content = "c")]
#[allow(dead_code, reason = "only its shape matters")]
enum Adjacent {
    Circle { radius: u8 },
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its shape matters")]
enum Untagged {
    Named { name: String },
    Inner(Inner),
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape matters")]
enum External {
    Circle { radius: u8 },
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "only its shape matters")]
struct Defaults {
    a: u8,
    b: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only its shape matters")]
struct Denies {
    a: u8,
    inner: Option<Inner>,
}

#[derive(Deserialize)]
#[serde(try_from = "Inner")]
#[allow(dead_code, reason = "only its shape matters")]
struct Converted(u8);

impl TryFrom<Inner> for Converted {
    type Error = &'static str;

    fn try_from(inner: Inner) -> Result<Self, Self::Error> {
        Ok(Self(inner.a))
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
#[allow(dead_code, reason = "only its shape matters")]
struct Transparent {
    inner: Inner,
}

/// For each handler, a field with its attributes of `serde`.
macro_rules! handlers {
    ($($name:ident: $(#[$attribute:meta])* { $($(#[$of_field:meta])* $field:ident: $inner:ty,)* })*) => {
        mod types {
            use super::*;

            $(
                #[derive(Deserialize, Validate)]
                $(#[$attribute])*
                #[allow(dead_code, non_camel_case_types, reason = "only its shape matters, and it has the name of its handler")]
                pub struct $name {
                    $($(#[$of_field])* $field: $inner,)*
                }
            )*
        }

        mod loose {
            use super::*;

            $(
                #[post("/{_name}")]
                #[public]
                #[validate]
                async fn $name(_: Json<types::$name>) -> &'static str {
                    "accepted"
                }
            )*

            pub fn scope() -> palisade::Scope {
                palisade::scope("/loose")$(.service(palisade::scope(concat!("/", stringify!($name))).service($name)))*
            }
        }

        mod strict {
            use super::*;

            $(
                #[post("/{_name}")]
                #[public]
                #[validate(strict)]
                async fn $name(_: Json<types::$name>) -> &'static str {
                    "accepted"
                }
            )*

            pub fn scope() -> palisade::Scope {
                palisade::scope("/strict")$(.service(palisade::scope(concat!("/", stringify!($name))).service($name)))*
            }
        }
    };
}
handlers! {
    renamed: { #[serde(rename = "userName")] name: String, }
    rename_all: #[serde(rename_all = "camelCase")] { user_name: String, }
    alias: { #[serde(alias = "mail", alias = "e-mail")] email: String, }
    flattened: { id: u8, #[serde(flatten)] inner: Inner, #[serde(flatten)] more: Option<Defaults>, }
    flattened_map: { id: u8, #[serde(flatten)] rest: HashMap<String, Inner>, }
    flattened_tag: { id: u8, #[serde(flatten)] shape: Internal, }
    internal: { shape: Internal, }
    adjacent: { shape: Adjacent, }
    untagged: { list: Vec<Untagged>, }
    external: { shape: External, }
    default: { #[serde(default)] inner: Defaults, }
    denies: #[serde(deny_unknown_fields)] { inner: Denies, }
    skipped: { id: u8, #[serde(skip)] is_admin: bool, #[serde(skip_deserializing, default)] role: String, }
    converted: { inner: Converted, }
    transparent: { inner: Transparent, }
    map: { by_key: HashMap<String, Inner>, }
    tuple: { pair: (Inner, Option<Inner>), }
    boxed: { inner: Box<Inner>, }
    any: { inner: Value, }
}

#[actix_web::test]
async fn strict_handler_reports_every_unknown_field_whatever_attributes_its_type_has() {
    let app = init_service(App::new().service(loose::scope()).service(strict::scope()).wrap(palisade())).await;
    const DENIED: bool = true;
    const LOOSE: bool = false;
    for (name, sound, wrong, unknown, is_denied) in [
        ("renamed", r#"{"userName":"a"}"#, r#"{"name":"b","userName":"a","x":1}"#, vec!["/name", "/x"], LOOSE),
        (
            "rename_all",
            r#"{"userName":"a"}"#,
            r#"{"user_name":"b","userName":"a","x":1}"#,
            vec!["/user_name", "/x"],
            LOOSE,
        ),
        ("alias", r#"{"e-mail":"a"}"#, r#"{"mail":"a","e_mail":"b","Mail":"c"}"#, vec!["/Mail", "/e_mail"], LOOSE),
        (
            "flattened",
            r#"{"id":1,"a":2,"b":3}"#,
            r#"{"id":1,"a":2,"role":"admin","inner":{"a":1},"more":null}"#,
            vec!["/inner", "/more", "/role"],
            LOOSE,
        ),
        (
            "flattened_map",
            r#"{"id":1,"k":{"a":1},"l":{"a":2}}"#,
            r#"{"id":1,"k":{"a":1,"x":1},"l":{"y/z":{},"a":2}}"#,
            vec!["/k/x", "/l/y~1z"],
            LOOSE,
        ),
        (
            "flattened_tag",
            r#"{"id":1,"kind":"circle","radius":2}"#,
            r#"{"id":1,"kind":"circle","radius":2,"a":1,"x":{}}"#,
            vec!["/a", "/x"],
            LOOSE,
        ),
        (
            "internal",
            r#"{"shape":{"kind":"boxed","a":1}}"#,
            r#"{"shape":{"kind":"circle","radius":1,"side":2,"a":3},"x":1}"#,
            vec!["/shape/a", "/shape/side", "/x"],
            LOOSE,
        ),
        ("internal", r#"{"shape":{"kind":"point"}}"#, r#"{"shape":{"kind":"point","x":1}}"#, vec!["/shape/x"], LOOSE),
        (
            "adjacent",
            r#"{"shape":{"t":"Circle","c":{"radius":1}}}"#,
            r#"{"shape":{"c":{"radius":1,"x":1},"t":"Circle","y":2}}"#,
            vec!["/shape/c/x", "/shape/y"],
            LOOSE,
        ),
        (
            "untagged",
            r#"{"list":[{"name":"a"},{"a":1}]}"#,
            r#"{"list":[{"name":"a","a":1},{"a":1,"y":2}],"z":3}"#,
            vec!["/list/0/a", "/list/1/y", "/z"],
            LOOSE,
        ),
        (
            "external",
            r#"{"shape":{"Circle":{"radius":1}}}"#,
            r#"{"shape":{"Circle":{"radius":1,"x":1}},"y":1}"#,
            vec!["/shape/Circle/x", "/y"],
            LOOSE,
        ),
        ("default", "{}", r#"{"inner":{"c":1,"d":[1]},"x":null}"#, vec!["/inner/c", "/inner/d", "/x"], LOOSE),
        (
            "denies",
            r#"{"inner":{"a":1}}"#,
            r#"{"inner":{"a":1,"x":1,"y":2},"z":1}"#,
            vec!["/inner/x", "/inner/y", "/z"],
            DENIED,
        ),
        ("skipped", r#"{"id":1}"#, r#"{"id":1,"is_admin":true,"role":"admin"}"#, vec!["/is_admin", "/role"], LOOSE),
        ("converted", r#"{"inner":{"a":1}}"#, r#"{"inner":{"a":1,"x":1},"y":1}"#, vec!["/inner/x", "/y"], LOOSE),
        (
            "transparent",
            r#"{"inner":{"a":1}}"#,
            r#"{"inner":{"a":1,"inner":1},"y":1}"#,
            vec!["/inner/inner", "/y"],
            LOOSE,
        ),
        (
            "map",
            r#"{"by_key":{"k":{"a":1}}}"#,
            r#"{"by_key":{"k":{"a":1,"x":1},"l":{"a":1,"":2}},"y":1}"#,
            vec!["/by_key/k/x", "/by_key/l/", "/y"],
            LOOSE,
        ),
        (
            "tuple",
            r#"{"pair":[{"a":1},null]}"#,
            r#"{"pair":[{"a":1,"x":1},{"y":2,"a":1}]}"#,
            vec!["/pair/0/x", "/pair/1/y"],
            LOOSE,
        ),
        ("boxed", r#"{"inner":{"a":1}}"#, r#"{"inner":{"a":1,"x":1},"y":1}"#, vec!["/inner/x", "/y"], LOOSE),
        ("any", r#"{"inner":{"a":[{"b":1}]}}"#, r#"{"inner":{"a":1},"x":{"y":1}}"#, vec!["/x"], LOOSE),
    ] {
        for scope in ["loose", "strict"] {
            let path = format!("/{scope}/{name}/{name}");
            assert_eq!(call(&app, post_request(&path, sound)).await.outcome(), "accepted", "{path} {sound}");
            let unknown = unknown.iter().map(|pointer| format!(" {pointer:?} unknown_field"));
            let expected = if scope == "strict" || is_denied {
                format!("422{}", unknown.collect::<String>())
            } else {
                "accepted".to_owned()
            };
            assert_eq!(call(&app, post_request(&path, wrong)).await.outcome(), expected, "{path} {wrong}");
        }
    }
}
