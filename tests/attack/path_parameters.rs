//! A path extractor that no request can satisfy returns 404 to everybody, which looks like a missing row (CWE-1068).
//! The build reports it; where only a request reveals it, the response is a server error and not a client error.

use std::panic::AssertUnwindSafe;

use actix_web::test::init_service;
use actix_web::web::{self, Path};
use actix_web::{App, get as actix_get};
use futures_util::FutureExt;
use palisade::{authenticated, get, public};
use palisade_tests::{call, get_request, palisade};
use serde::Deserialize;

#[get("/users/{user}")]
#[public]
async fn one(user: Path<u32>) -> String {
    user.to_string()
}

#[get("/users/{user}")]
#[public]
async fn two(path: Path<(String, u32)>) -> String {
    format!("{} {}", path.0, path.1)
}

#[derive(Deserialize)]
struct Wrapped(u32);

#[get("/a/{a}/b/{b}")]
#[public]
async fn wrapped(path: Path<Wrapped>) -> String {
    path.0.to_string()
}

#[get("/nothing")]
#[public]
async fn maybe(path: Path<Option<u32>>) -> String {
    format!("{path:?}")
}

#[derive(Deserialize)]
struct Named {
    user: u32,
}

#[get("/users/{user}")]
#[public]
async fn named(path: Path<Named>) -> String {
    path.user.to_string()
}

#[get("/users/{id}")]
#[public]
async fn misnamed(path: Path<Named>) -> String {
    path.user.to_string()
}

#[get("/{a}/{b}/{c}")]
#[public]
async fn first_of_three(path: Path<(String,)>) -> String {
    path.into_inner().0
}

#[test]
fn parameters_of_all_prefixes_are_counted() {
    for (scope, words) in [
        (
            palisade::scope("/{org}").service(one),
            "a `Path` of exactly one parameter, but /{org}/users/{user} has 2 parameters",
        ),
        (palisade::scope("").service(two), "a `Path` of at least 2 parameters, but /users/{user} has 1 parameter"),
        (
            palisade::scope("/x").service(wrapped),
            "a `Path` of exactly one parameter, but /x/a/{a}/b/{b} has 2 parameters",
        ),
        (
            palisade::scope("/{org}").service(maybe),
            "at /{org}/nothing takes a `Path` of a type that no path can fill, such as an `Option`",
        ),
    ] {
        let mistake = scope.verify().unwrap_err().to_string();
        assert!(mistake.contains(words), "{mistake}");
    }
    for scope in [
        palisade::scope("").service(one),
        palisade::scope("/{org}").service(two),
        palisade::scope("/{org}").service(palisade::scope("/x").service(named)),
        palisade::scope("").service(first_of_three),
    ] {
        assert_eq!(scope.verify(), Ok(()));
    }
}

#[actix_web::test]
async fn unsatisfiable_path_extractor_stops_the_start() {
    let app = App::new().service(two).wrap(palisade());
    assert!(AssertUnwindSafe(init_service(app)).catch_unwind().await.is_err());
    // The prefix of a plain actix-web scope is visible only at request time.
    let app = App::new().service(web::scope("/{org}").service(two)).wrap(palisade());
    let app = init_service(app).await;
    assert_eq!(call(&app, get_request("/acme/users/7")).await.body, "acme 7");
    call(&app, get_request("/acme/users/x")).await.assert_problem(404);
}

#[actix_get("/plain/{a}/{b}")]
#[public]
async fn plain(path: Path<Wrapped>) -> String {
    path.0.to_string()
}

#[actix_get("/short/{a}")]
#[public]
async fn short(path: Path<(u32, u32)>) -> String {
    format!("{path:?}")
}

#[actix_web::test]
async fn unsatisfiable_path_extractor_is_500_not_404() {
    let app = App::new().service(plain).service(short).service(misnamed).service(one).wrap(palisade());
    let app = init_service(app).await;
    for path in ["/plain/1/2", "/short/1", "/users/1"] {
        call(&app, get_request(path)).await.assert_problem(500);
    }
    // A mistake of the client is still a client error.
    let app = init_service(App::new().service(one).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/users/1")).await.body, "1");
    call(&app, get_request("/users/x")).await.assert_problem(404);
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

#[test]
fn invalid_scope_prefix_is_a_config_error() {
    for (prefix, words) in [
        ("/{id:[a-}", "not a regular expression: unclosed character class"),
        ("/{id:*}", "not a regular expression: repetition operator missing expression"),
        ("/{id:(?=a)}", "not a regular expression: look-around"),
        ("/{id:[0-9]{2,1}}", "not a regular expression: invalid repetition count range"),
        ("/{id:(}", "not a regular expression: unclosed group"),
        (r"/{id:\p{Nope}}", "not a regular expression: Unicode property not found"),
        ("/{id:(?P<id>a)}", "not a regular expression: duplicate capture group name"),
        (r"/{id:(?:\w{1000}){1000}}", "does not accept"),
        ("/{id", "`{` without its `}`"),
        ("/id}/{x}", "`}` without its `{`"),
        ("/{user-id}", "is not a name"),
        ("/{a}/{a}", "has two parameters `{a}`"),
        ("/:org", "the literal text `:org`"),
        ("/<org>/x", "the literal text `<org>`"),
        // The macros have always rejected these. Prefixes were read by another reader, which accepted them.
        ("/files/*", "the literal text `*`"),
        ("/{id}-*", "the literal text `-*`"),
        ("/id}", "`}` without its `{`"),
        ("/x?page=1", "has a `?`"),
        ("/x#top", "has a `#`"),
        ("/{id:}", "empty pattern"),
        ("/{id:(?<kind>a|b)}", "names a group"),
        ("/{rest:.*}*", "a pattern and a `*`"),
    ] {
        let inner = palisade::scope("/inner").service(palisade::scope(prefix).service(me));
        for scope in [palisade::scope(prefix).service(me), inner] {
            let mistake = scope.verify().unwrap_err().to_string();
            assert!(mistake.contains(words), "{prefix}: {mistake}");
        }
    }
    for prefix in [r"/{id:\d+}", "/{org}/x-{kind:[a-z]{2}|b}", "/a:b", "/{id}:batch", "/"] {
        assert_eq!(palisade::scope(prefix).service(me).verify(), Ok(()), "{prefix}");
    }
}
