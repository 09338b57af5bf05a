//! Checks that run in the wrong order (CWE-696, CWE-862; ASVS V8.2.1): no byte of a body is read before the request
//! is admitted.

use actix_web::test::init_service;
use actix_web::web::{Bytes, Json};
use actix_web::{App, HttpRequest};
use futures_util::FutureExt;
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::{Authenticator, Palisade, Principal, authenticated, post, require_role, validate};
use palisade_tests::{bearer, builder, call, call_raw, palisade, pause, post_request, with_body_that_panics_when_read};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1, max = 20))]
    text: String,
}

#[post("/notes")]
#[authenticated]
#[validate]
async fn add(note: Json<Note>) -> String {
    note.text.clone()
}

#[post("/admin")]
#[require_role("admin")]
async fn admin(body: Bytes) -> Bytes {
    body
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(App::new().service(palisade::scope("").service(add).service(admin)).wrap($palisade)).await
    };
}

#[actix_web::test]
async fn anonymous_broken_json_is_401_not_400() {
    let app = app!(palisade());
    call(&app, post_request("/notes", "{broken")).await.assert_problem(401);
    let authenticated = post_request("/notes", "{broken").insert_header(("authorization", bearer("alice", &[])));
    call(&app, authenticated).await.assert_problem(400);
}

#[actix_web::test]
async fn rejected_body_is_never_read() {
    let app = app!(palisade());
    for path in ["/notes", "/admin"] {
        let response = call_raw(&app, with_body_that_panics_when_read(post_request(path, ""))).await;
        response.assert_problem(401);
    }
    let forbidden = post_request("/admin", "").insert_header(("authorization", bearer("alice", &["user"])));
    call_raw(&app, with_body_that_panics_when_read(forbidden)).await.assert_problem(403);
}

#[actix_web::test]
async fn read_of_the_forbidden_body_is_500() {
    // The middleware turns the panic into a 500. This proves that every test with this body can fail.
    let app = app!(palisade());
    let admitted = post_request("/admin", "").insert_header(("authorization", bearer("root", &["admin"])));
    call_raw(&app, with_body_that_panics_when_read(admitted)).await.assert_problem(500);
}

/// An authenticator that waits, then accepts one badge and rejects the others.
struct SlowBadges;

impl Authenticator for SlowBadges {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let Some(badge) = request.headers().get("x-badge") else { return Attempt::Absent };
        Attempt::Pending(
            async move {
                pause().await;
                if badge == "good" {
                    Ok(Principal::new("Badge", "door", "alice"))
                } else {
                    Err(AuthError::Invalid("badge_unknown"))
                }
            }
            .boxed_local(),
        )
    }

    fn scheme(&self) -> &'static str {
        "Badge"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Badge").with("realm", context.realm()));
    }
}

#[actix_web::test]
async fn slow_authenticator_still_runs_before_the_body() {
    let app = app!(Palisade::builder().authenticator(SlowBadges).build().unwrap());
    let invalid_badge = || post_request("/notes", "{broken").insert_header(("x-badge", "wrong"));
    call(&app, invalid_badge()).await.assert_problem(401);
    call_raw(&app, with_body_that_panics_when_read(invalid_badge())).await.assert_problem(401);
    let forbidden = post_request("/admin", "").insert_header(("x-badge", "good"));
    call_raw(&app, with_body_that_panics_when_read(forbidden)).await.assert_problem(403);
    let valid_badge = post_request("/notes", r#"{"text":"x"}"#).insert_header(("x-badge", "good"));
    assert_eq!(call(&app, valid_badge).await.body, "x");
}

/// An authenticator whose key server is down.
struct KeyServerDown;

impl Authenticator for KeyServerDown {
    fn authenticate<'a>(&'a self, _: &'a HttpRequest) -> Attempt<'a> {
        Attempt::Done(Err(AuthError::Unavailable("keys_unreachable")))
    }

    fn scheme(&self) -> &'static str {
        "Down"
    }

    fn challenge(&self, _: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Down"));
    }
}

#[actix_web::test]
async fn unreachable_key_server_is_503_not_401() {
    let app = app!(Palisade::builder().authenticator(KeyServerDown).build().unwrap());
    let response = call_raw(&app, with_body_that_panics_when_read(post_request("/notes", ""))).await;
    response.assert_problem(503);
    assert_eq!(response.header("retry-after"), "1");
}

#[actix_web::test]
async fn validation_errors_name_fields_not_values() {
    let app = app!(builder().build().unwrap());
    let too_long = r#"{"text":"hunter2 hunter2 hunter2"}"#;
    let authenticated = post_request("/notes", too_long).insert_header(("authorization", bearer("alice", &[])));
    let response = call(&app, authenticated).await;
    response.assert_problem(422);
    assert!(!response.body.contains("hunter2"), "{response:?}");
    assert_eq!(response.json()["errors"][0]["pointer"], "/text");
    assert_eq!(response.json()["errors"][0]["code"], "length");
}

#[actix_web::test]
async fn media_type_size_and_syntax_have_distinct_statuses() {
    let app = app!(palisade());
    let auth = || ("authorization", bearer("alice", &[]));
    let plain_text = post_request("/notes", r#"{"text":"x"}"#).insert_header(("content-type", "text/plain"));
    call(&app, plain_text.insert_header(auth())).await.assert_problem(415);
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(3_000_000));
    call(&app, post_request("/notes", &large).insert_header(auth())).await.assert_problem(413);
    call(&app, post_request("/notes", "{").insert_header(auth())).await.assert_problem(400);
    call(&app, post_request("/notes", "{}").insert_header(auth())).await.assert_problem(422);
}
