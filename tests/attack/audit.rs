//! Rejections that leave no trace, and logs that leak secrets or can be forged (CWE-778, CWE-532, CWE-117; ASVS V16.2,
//! V16.3, V16.4.1).

use actix_web::test::init_service;
use actix_web::web::Json;
use actix_web::{App, HttpResponse, web};
use palisade::rate_limit::RateLimitMode;
use palisade::{Palisade, Principal, authenticated, get, owner, post, public, rate_limit, require_role, validate};
use palisade_tests::inside::Inside;
use palisade_tests::log::Log;
use palisade_tests::{bearer, builder, call, get_request, palisade, post_request, with_body_that_panics_when_read};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 3))]
    text: String,
}

#[get("/admin/{id}")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "admin"
}

#[post("/notes/{id}")]
#[owner(id)]
#[validate]
async fn add(note: Json<Note>) -> String {
    note.text.clone()
}

#[get("/once")]
#[public]
#[rate_limit(1, "1h")]
async fn once() -> &'static str {
    "once"
}

#[post("/login")]
#[public]
async fn login() -> HttpResponse {
    HttpResponse::Unauthorized().finish()
}

#[get("/who")]
#[public]
async fn who(principal: Inside<Principal>) -> String {
    principal.0.subject().to_owned()
}

#[get("/counted")]
#[public]
async fn counted(count: web::Data<u32>) -> String {
    count.to_string()
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(
            App::new()
                .service(
                    palisade::scope("")
                        .service(admin)
                        .service(add)
                        .service(once)
                        .service(login)
                        .service(who)
                        .service(me)
                        .service(counted),
                )
                .route("/raw", web::get().to(|| async { "raw" }))
                .wrap($palisade),
        )
        .await
    };
}

fn assert_one(log: &Log, parts: &[&str]) {
    log.assert_one(parts);
}

#[actix_web::test]
async fn each_rejection_logs_one_event_without_secrets() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    let alice = ("authorization", bearer("alice", &["user"]));

    call(&app, get_request("/admin/7?token=hunter2")).await.assert_problem(401);
    assert_one(&log, &["WARN", "event=\"rejected\"", "status=401", "reason=\"no_credentials\"", "client=203.0.113.7"]);

    call(&app, get_request("/admin/7").insert_header(("authorization", "Bearer hunter2.hunter2.hunter2")))
        .await
        .assert_problem(401);
    assert_one(&log, &["status=401", "reason=\"token_"]);

    call(&app, get_request("/admin/7").insert_header(alice.clone())).await.assert_problem(403);
    assert_one(&log, &["status=403", "reason=\"role_missing\"", "attack_audit::admin", "subject=\"alice\""]);

    call(&app, post_request("/notes/bob", "{}").insert_header(alice.clone())).await.assert_problem(403);
    assert_one(&log, &["reason=\"not_the_owner\""]);

    call(&app, post_request("/notes/alice", "{").insert_header(alice.clone())).await.assert_problem(400);
    assert_one(&log, &["reason=\"json_syntax\""]);

    call(&app, post_request("/notes/alice", r#"{"text":"hunter2"#).insert_header(alice.clone()))
        .await
        .assert_problem(400);
    assert_one(&log, &["reason=\"json_syntax\""]);

    let short = post_request("/notes/alice", r#"{"text":"h2"}"#).insert_header(alice.clone());
    call(&app, short).await.assert_problem(422);
    assert_one(&log, &["reason=\"invalid_input\""]);

    assert_eq!(call(&app, get_request("/once")).await.status, 200);
    assert_eq!(log.take(), Vec::<String>::new(), "an admitted request logs no rejection");
    call(&app, get_request("/once")).await.assert_problem(429);
    assert_one(&log, &["status=429", "reason=\"rate_limited\""]);

    assert_eq!(call(&app, post_request("/login", "{}")).await.status, 401);
    assert_one(&log, &["status=401", "reason=\"rejected_by_handler\""]);

    call(&app, get_request("/%00")).await.assert_problem(400);
    assert_one(&log, &["reason=\"path_undecodable\""]);
}

#[actix_web::test]
async fn log_has_no_secrets_and_no_forged_lines() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    let forged = bearer("x\" status=200", &[]);
    call(&app, get_request("/admin/hunter2%20x?password=hunter2").insert_header(("authorization", "Bearer hunter2")))
        .await;
    call(&app, get_request("/admin/7").insert_header(("x-forwarded-for", "hunter2"))).await;
    call(&app, get_request("/admin/7").insert_header(("authorization", forged))).await.assert_problem(403);
    let lines = log.take();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert!(!line.contains("hunter2"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
        assert_eq!(line.matches(" status=").count(), 1 + usize::from(line.contains("\\\" status=200")), "{line}");
    }
}

#[actix_web::test]
async fn misconfiguration_is_logged_with_its_fix() {
    let (log, _guard) = Log::start();

    let bare = init_service(App::new().service(me)).await;
    call(&bare, get_request("/me")).await.assert_problem(500);
    assert_one(&log, &["ERROR", "misconfigured", "attack_audit::me", ".wrap(palisade.clone())"]);

    let nobody = app!(Palisade::builder().build().unwrap());
    call(&nobody, get_request("/me")).await.assert_problem(500);
    let lines = log.take();
    assert!(lines[0].contains(".authenticator(Jwt::hs256"), "{lines:?}");

    let app = app!(palisade());
    call(&app, get_request("/raw")).await.assert_problem(500);
    assert_one(&log, &["ERROR", "/raw", "#[authenticated]"]);

    call(&app, get_request("/who")).await.assert_problem(500);
    assert!(log.take()[0].contains("takes a `Principal`"));

    call(&app, get_request("/counted")).await.assert_problem(500);
    assert!(log.take()[0].contains(".app_data(..)"));

    call_without_address(&app).await;
    assert!(log.take()[0].contains("needs the client's address"));
}

async fn call_without_address<S, B>(app: &S)
where
    S: actix_web::dev::Service<
            actix_http::Request,
            Response = actix_web::dev::ServiceResponse<B>,
            Error = actix_web::Error,
        >,
    B: actix_web::body::MessageBody,
{
    call(app, actix_web::test::TestRequest::with_uri("/once")).await.assert_problem(500);
}

#[actix_web::test]
async fn observe_mode_warns_and_logs_each_excess() {
    let (log, _guard) = Log::start();
    let palisade = builder().rate_limit_mode(RateLimitMode::Observe).build().unwrap();
    let announced = log.take_all();
    assert!(announced.contains("WARN") && announced.contains("only observed"), "{announced}");
    let app = app!(palisade);
    log.take();
    for _ in 0..3 {
        assert_eq!(call(&app, get_request("/once")).await.status, 200);
    }
    let lines = log.take();
    assert_eq!(
        lines.iter().filter(|line| line.contains("event=\"observed\"") && line.contains("rate_limit=\"once\"")).count(),
        2
    );
}

#[actix_web::test]
async fn panic_logs_an_event() {
    let app = app!(palisade());
    let (log, _guard) = Log::start();
    let alice = post_request("/notes/alice", "").insert_header(("authorization", bearer("alice", &[])));
    palisade_tests::call_raw(&app, with_body_that_panics_when_read(alice)).await.assert_problem(500);
    assert_one(&log, &["ERROR", "panicked"]);
}

#[get("/wrapped", wrap = "actix_web::middleware::NormalizePath::trim()")]
#[public]
async fn wrapped() -> HttpResponse {
    HttpResponse::Forbidden().finish()
}

#[actix_web::test]
async fn rejection_through_route_middleware_logs_one_event() {
    let app = init_service(App::new().service(wrapped).wrap(palisade())).await;
    let (log, _guard) = Log::start();
    assert_eq!(call(&app, get_request("/wrapped")).await.status, 403);
    assert_one(&log, &["status=403", "reason=\"rejected_by_handler\""]);
}

#[actix_web::test]
async fn undefined_role_logs_one_event_and_grants_nothing() {
    let roles = palisade::Roles::builder().role("admin", |role| role).build().unwrap();
    let routes = || palisade::scope("").service(admin).service(me);
    let palisade = builder().roles(roles).routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let (log, _guard) = Log::start();
    let token = ("authorization", bearer("alice", &["root", "super\u{202e}user", "admin2"]));
    // The second request finds the token in the cache.
    for _ in 0..2 {
        assert_eq!(call(&app, get_request("/me").insert_header(token.clone())).await.status, 200);
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("event=\"unknown_role\"") && lines[0].contains("\"root\""), "{lines:?}");
        assert!(lines[0].contains("audit::me") && lines[0].contains("subject=\"alice\""), "{lines:?}");
        assert!(!lines[0].contains('\u{202e}'), "{lines:?}");
    }
    let authorization = ("authorization", bearer("alice", &["admin"]));
    assert_eq!(call(&app, get_request("/admin/1").insert_header(authorization)).await.status, 200);
    assert_eq!(log.take(), Vec::<String>::new());
}
