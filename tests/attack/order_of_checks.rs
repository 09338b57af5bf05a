//! Checks that run in the wrong order (CWE-696, CWE-862; ASVS V8.2.1): no byte of a body is read before the request
//! is admitted.

use actix_web::test::init_service;
use actix_web::web::{Bytes, Json};
use actix_web::{App, HttpRequest};
use futures_util::FutureExt;
use palisade::authn::{Attempt, AuthError};
use palisade::{Authenticator, Palisade, Principal, authenticated, post, require_role, validate};
use palisade_tests::{bearer, builder, call, call_raw, palisade, pause, post as posting, with_untouchable_body};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1))]
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
    call(&app, posting("/notes", "{broken")).await.assert_problem(401);
    let known = posting("/notes", "{broken").insert_header(("authorization", bearer("alice", &[])));
    call(&app, known).await.assert_problem(400);
}

#[actix_web::test]
async fn refused_body_is_never_read() {
    let app = app!(palisade());
    for path in ["/notes", "/admin"] {
        let answer = call_raw(&app, with_untouchable_body(posting(path, ""))).await;
        answer.assert_problem(401);
    }
    let forbidden = posting("/admin", "").insert_header(("authorization", bearer("alice", &["user"])));
    call_raw(&app, with_untouchable_body(forbidden)).await.assert_problem(403);
}

#[actix_web::test]
async fn untouchable_body_panics_when_read() {
    // A read of the body panics, and the middleware turns that into a 500. This proves that the two tests above can
    // fail.
    let app = app!(palisade());
    let admitted = posting("/admin", "").insert_header(("authorization", bearer("root", &["admin"])));
    call_raw(&app, with_untouchable_body(admitted)).await.assert_problem(500);
}

/// An authenticator that waits, then accepts one badge and rejects the others.
struct Slow;

impl Authenticator for Slow {
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

    fn challenge(&self, realm: &str, _: bool) -> String {
        format!("Badge realm=\"{realm}\"")
    }
}

#[actix_web::test]
async fn slow_authenticator_still_runs_before_the_body() {
    let app = app!(Palisade::builder().authenticator(Slow).build().unwrap());
    let wrong = || posting("/notes", "{broken").insert_header(("x-badge", "wrong"));
    call(&app, wrong()).await.assert_problem(401);
    call_raw(&app, with_untouchable_body(wrong())).await.assert_problem(401);
    let forbidden = posting("/admin", "").insert_header(("x-badge", "good"));
    call_raw(&app, with_untouchable_body(forbidden)).await.assert_problem(403);
    let good = posting("/notes", r#"{"text":"x"}"#).insert_header(("x-badge", "good"));
    assert_eq!(call(&app, good).await.body, "x");
}

/// An authenticator whose key server is down.
struct Down;

impl Authenticator for Down {
    fn authenticate<'a>(&'a self, _: &'a HttpRequest) -> Attempt<'a> {
        Attempt::Done(Err(AuthError::Unavailable("keys_unreachable")))
    }

    fn scheme(&self) -> &'static str {
        "Down"
    }

    fn challenge(&self, _: &str, _: bool) -> String {
        "Down".to_owned()
    }
}

#[actix_web::test]
async fn uncheckable_credential_is_503_not_401() {
    let app = app!(Palisade::builder().authenticator(Down).build().unwrap());
    let answer = call_raw(&app, with_untouchable_body(posting("/notes", ""))).await;
    answer.assert_problem(503);
    assert_eq!(answer.header("retry-after"), "1");
}

#[actix_web::test]
async fn validation_errors_name_fields_not_values() {
    let app = app!(builder().build().unwrap());
    let known = posting("/notes", r#"{"text":""}"#).insert_header(("authorization", bearer("alice", &[])));
    let answer = call(&app, known).await;
    answer.assert_problem(422);
    assert_eq!(answer.json()["errors"][0]["pointer"], "/text");
    assert_eq!(answer.json()["errors"][0]["code"], "length");
}

#[actix_web::test]
async fn media_type_size_and_syntax_have_distinct_statuses() {
    let app = app!(palisade());
    let auth = || ("authorization", bearer("alice", &[]));
    let text = posting("/notes", r#"{"text":"x"}"#).insert_header(("content-type", "text/plain"));
    call(&app, text.insert_header(auth())).await.assert_problem(415);
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(3_000_000));
    call(&app, posting("/notes", &large).insert_header(auth())).await.assert_problem(413);
    call(&app, posting("/notes", "{").insert_header(auth())).await.assert_problem(400);
    call(&app, posting("/notes", "{}").insert_header(auth())).await.assert_problem(422);
}
