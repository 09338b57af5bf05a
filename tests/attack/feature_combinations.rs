//! Attacks on the combination of two features that are each correct alone (CWE-863, CWE-770, CWE-755).

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, Service as _, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::init_service;
use actix_web::web::{self, Path};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse};
use palisade::authn::{Attempt, Challenge, ChallengeContext, Challenges};
use palisade::rate_limit::By;
use palisade::{
    Authenticator, Cors, Principal, RateLimit, authenticated, get, owner, post, public, rate_limit, require_role,
};
use palisade_tests::{
    ISSUER, TestResponse, bearer, builder, call, call_raw, get_request, palisade, post_request,
    with_body_that_panics_when_read,
};

/// A second issuer, whose subjects may have the same names as those of the first, or an empty name.
struct Badge;

impl Authenticator for Badge {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().get("x-badge") {
            None => Attempt::Absent,
            Some(name) => Attempt::Done(Ok(Principal::new("Badge", "front-desk", name.to_str().unwrap()))),
        }
    }

    fn scheme(&self) -> &'static str {
        "Badge"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Badge").with("realm", context.realm()));
    }
}

#[get("/users/{id:.*}")]
#[owner(id)]
async fn show(id: Path<String>) -> String {
    format!("the data of {id}")
}

#[actix_web::test]
async fn subject_of_another_issuer_is_not_the_owner() {
    let several = || builder().authenticator(Badge);
    let configured =
        init_service(App::new().service(show).wrap(several().resource_owner_issuer(ISSUER).build().unwrap())).await;
    let alice = || get_request("/users/alice");
    assert_eq!(call(&configured, alice().insert_header(("authorization", bearer("alice", &[])))).await.status, 200);
    call(&configured, alice().insert_header(("x-badge", "alice"))).await.assert_problem(403);

    let unconfigured = init_service(App::new().service(show).wrap(several().build().unwrap())).await;
    for request in
        [alice().insert_header(("authorization", bearer("alice", &[]))), alice().insert_header(("x-badge", "alice"))]
    {
        call(&unconfigured, request).await.assert_problem(500);
    }
}

#[actix_web::test]
async fn empty_subject_owns_nothing() {
    let palisade = palisade::Palisade::builder().authenticator(Badge).build().unwrap();
    let app = init_service(App::new().service(show).wrap(palisade)).await;
    call(&app, get_request("/users/").insert_header(("x-badge", ""))).await.assert_problem(403);
    assert_eq!(call(&app, get_request("/users/bob").insert_header(("x-badge", "bob"))).await.body, "the data of bob");
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

#[get("/mine")]
#[authenticated]
async fn mine() -> &'static str {
    "mine"
}

#[actix_web::test]
async fn anonymous_requests_count_by_address_in_principal_limit() {
    let rate_limit = RateLimit::new("api", 2, Duration::from_mins(1)).by(By::Principal);
    let scope = palisade::scope("/api").rate_limit(rate_limit).service(mine).service(open);
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    call(&app, get_request("/api/unknown")).await.assert_problem(404);
    assert_eq!(call(&app, get_request("/api/open")).await.status, 200);
    call(&app, get_request("/api/open")).await.assert_problem(429);
    call(&app, get_request("/api/unknown")).await.assert_problem(429);
    let authenticated = get_request("/api/mine").insert_header(("authorization", bearer("alice", &[])));
    assert_eq!(call(&app, authenticated).await.status, 200, "an authenticated caller has a separate limit");
}

#[get("/named")]
#[public]
#[rate_limit(4, "15m", name = "edges-of-one-bucket")]
async fn named() -> &'static str {
    "named"
}

#[actix_web::test]
async fn request_is_charged_once_for_a_shared_limit() {
    let rate_limit = RateLimit::new("edges-of-one-bucket", 4, Duration::from_mins(15)).shared();
    let scope = palisade::scope("/s").rate_limit(rate_limit).service(named);
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    for _ in 0..4 {
        assert_eq!(call(&app, get_request("/s/named")).await.status, 200);
    }
    call(&app, get_request("/s/named")).await.assert_problem(429);
}

#[actix_web::test]
async fn scopes_do_not_share_equally_named_limits() {
    let rate_limit = || RateLimit::new("api", 2, Duration::from_mins(15));
    let one = palisade::scope("/one").rate_limit(rate_limit()).service(open);
    let two = palisade::scope("/two").rate_limit(rate_limit()).service(mine);
    let app = init_service(App::new().service(one).service(two).wrap(palisade())).await;
    for expected in [200, 200, 429] {
        assert_eq!(call(&app, get_request("/one/open")).await.status, expected);
    }
    call(&app, get_request("/two/mine")).await.assert_problem(401);
}

#[actix_web::test]
async fn panicking_problem_style_still_gets_a_response() {
    let palisade = builder().problems(|_| -> HttpResponse { panic!("the style") }).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("/s").service(mine)).wrap(palisade)).await;
    for (path, status) in [("/nowhere", 404), ("/s/nowhere", 404), ("/s/mine", 401), ("/%00", 400)] {
        call(&app, get_request(path)).await.assert_problem(status);
    }
}

#[get("/hold")]
#[public]
#[expect(clippy::await_holding_refcell_ref, reason = "the test makes this mistake of an application on purpose")]
async fn hold(request: HttpRequest) -> &'static str {
    actix_web::rt::spawn(async move {
        let extensions = request.extensions_mut();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(extensions);
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    "held"
}

#[actix_web::test]
async fn borrowed_extensions_do_no_harm() {
    let app = init_service(App::new().service(hold).wrap(palisade())).await;
    let response = call(&app, get_request("/hold")).await;
    assert_eq!((response.status.as_u16(), &*response.body), (200, "held"));
}

#[get("/cors")]
#[public]
async fn of_its_own_origin() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("access-control-allow-origin", "https://evil.example"))
        .insert_header(("access-control-allow-credentials", "true"))
        .finish()
}

#[actix_web::test]
async fn handler_cannot_override_the_cors_origins() {
    let cors = Cors::allow_origins(["https://app.example.com"]);
    let app = init_service(App::new().service(of_its_own_origin).wrap(builder().cors(cors).build().unwrap())).await;
    for (origin, shared) in [("https://evil.example", ""), ("https://app.example.com", "https://app.example.com")] {
        let response = call(&app, get_request("/cors").insert_header(("origin", origin))).await;
        assert_eq!(response.header("access-control-allow-origin"), shared);
        assert!(!response.headers.contains_key("access-control-allow-credentials"));
    }
}

/// The response when an inner middleware returns an `Err` that has a response of its own.
async fn erred(response: fn() -> HttpResponse) -> TestResponse {
    let app = App::new().service(open).wrap_fn(move |request, service| {
        let called = service.call(request);
        async move {
            drop(called.await?);
            Err::<ServiceResponse, _>(InternalError::from_response("inner", response()).into())
        }
    });
    call(&init_service(app.wrap(palisade())).await, get_request("/open")).await
}

#[actix_web::test]
async fn error_with_success_status_becomes_500() {
    erred(|| HttpResponse::Ok().body("let me through")).await.assert_problem(500);
    erred(|| HttpResponse::SeeOther().insert_header(("location", "/elsewhere")).finish()).await.assert_problem(500);
    let challenged =
        erred(|| HttpResponse::Unauthorized().insert_header(("www-authenticate", "Basic")).body("x")).await;
    challenged.assert_problem(401);
    assert_eq!(challenged.header("www-authenticate"), "Basic");
}

type Answered<B> = Result<ServiceResponse<B>, actix_web::Error>;

/// A route middleware that reads the whole body, passes the request on, and turns each response into a failure.
async fn meddle(mut request: ServiceRequest, next: Next<impl MessageBody>) -> Answered<impl MessageBody> {
    let body = request.extract::<web::Bytes>().await?;
    request.set_payload(Payload::from(body));
    let mut response = next.call(request).await?;
    *response.response_mut().status_mut() = StatusCode::UNAUTHORIZED;
    Ok(response)
}

#[post("/wrapped/{id}", wrap = "from_fn(meddle)")]
#[owner(id)]
#[rate_limit(2, "1h", count = failures)]
async fn wrapped(body: String) -> String {
    body
}

#[actix_web::test]
async fn route_middleware_runs_between_checks_and_settlement() {
    let app = init_service(App::new().service(wrapped).wrap(palisade())).await;
    let request = || post_request("/wrapped/alice", "{}");
    call_raw(&app, with_body_that_panics_when_read(request())).await.assert_problem(401);
    let mallory = request().insert_header(("authorization", bearer("mallory", &[])));
    call_raw(&app, with_body_that_panics_when_read(mallory)).await.assert_problem(403);
    // Both requests counted as failures. A request over the limit does not read the body either.
    let alice = || request().insert_header(("authorization", bearer("alice", &[])));
    call_raw(&app, with_body_that_panics_when_read(alice())).await.assert_problem(429);

    let fresh = init_service(App::new().service(wrapped).wrap(palisade())).await;
    for expected in [401, 401, 429] {
        let response = call(&fresh, alice()).await;
        assert_eq!(response.status, expected);
        assert!(response.headers.contains_key("ratelimit"));
    }
}

/// A route middleware that calls the handler twice.
async fn twice(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Answered<impl MessageBody> {
    let (request, _) = next.call(request).await?.into_parts();
    next.call(ServiceRequest::from_request(request)).await
}

#[get("/twice", wrap = "from_fn(twice)")]
#[public]
async fn once_only() -> &'static str {
    "once"
}

#[actix_web::test]
async fn one_admission_allows_one_handler_call() {
    let app = init_service(App::new().service(once_only).wrap(palisade())).await;
    call(&app, get_request("/twice")).await.assert_problem(500);
}

#[require_role("admin")]
async fn plain() -> &'static str {
    "never"
}

#[actix_web::test]
async fn guarded_function_without_middleware_is_rejected() {
    let app = init_service(App::new().route("/plain", web::get().to(plain))).await;
    let admin = get_request("/plain").insert_header(("authorization", bearer("root", &["admin"])));
    call(&app, admin).await.assert_problem(500);
}
