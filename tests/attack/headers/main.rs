//! Responses without security headers (CWE-693; ASVS V3.4.1 to V3.4.8): each response has them, whatever went wrong inside.

mod handlers;
mod routes;
mod wire;

use actix_web::dev::Service as _;
use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::{App, Error, HttpResponse, error};
use palisade::{get, public};
use palisade_tests::{bearer, builder, call, get_request, palisade, post_request, request};

use self::handlers::{admin, note, once, panicking, status, streaming};

#[get("/error")]
#[public]
async fn failing() -> Result<&'static str, Error> {
    Err(error::ErrorImATeapot("short and stout"))
}

macro_rules! app {
    () => {
        init_service(
            App::new()
                .service(
                    palisade::scope("/api")
                        .service(status)
                        .service(streaming)
                        .service(panicking)
                        .service(failing)
                        .service(note)
                        .service(admin)
                        .service(once),
                )
                .wrap(palisade()),
        )
        .await
    };
}

#[actix_web::test]
async fn every_handler_status_has_security_headers() {
    let app = app!();
    for code in [200, 204, 301, 304, 400, 404, 409, 418, 500, 503] {
        let response = call(&app, get_request(&format!("/api/status/{code}"))).await;
        assert_eq!(response.status, code);
        response.assert_headers();
    }
}

#[actix_web::test]
async fn every_rejection_has_security_headers() {
    let app = app!();
    let forbidden = get_request("/api/admin").insert_header(("authorization", bearer("alice", &[])));
    call(&app, get_request("/api/admin")).await.assert_problem(401);
    call(&app, forbidden).await.assert_problem(403);
    call(&app, get_request("/api/nowhere")).await.assert_problem(404);
    call(&app, get_request("/elsewhere")).await.assert_problem(404);
    call(&app, request(Method::DELETE, "/api/admin")).await.assert_problem(405);
    call(&app, post_request("/api/note", "{")).await.assert_problem(400);
    call(&app, post_request("/api/note", r#"{"text":""}"#)).await.assert_problem(422);
    call(&app, get_request("/api/%00")).await.assert_problem(400);
    call(&app, get_request("/api/once")).await.assert_headers();
    call(&app, get_request("/api/once")).await.assert_problem(429);
}

#[actix_web::test]
async fn streams_panics_and_errors_have_security_headers() {
    let app = app!();
    let streamed = call(&app, get_request("/api/stream")).await;
    assert_eq!(streamed.body, "ab");
    streamed.assert_headers();
    let panicked = call(&app, get_request("/api/panic")).await;
    panicked.assert_problem(500);
    assert!(!panicked.body.contains("inside"), "{panicked:?}");
    let failed = call(&app, get_request("/api/error")).await;
    assert_eq!(failed.status, 418);
    failed.assert_headers();
}

#[actix_web::test]
async fn inner_middleware_error_has_security_headers() {
    let app = init_service(
        App::new()
            .service(status)
            .wrap_fn(|request, service| {
                let called = service.call(request);
                async move {
                    drop(called.await?);
                    Err::<actix_web::dev::ServiceResponse, _>(error::ErrorBadGateway("password=hunter2"))
                }
            })
            .wrap(palisade()),
    )
    .await;
    let response = call(&app, get_request("/status/200")).await;
    response.assert_problem(502);
    assert!(!response.body.contains("hunter2"), "{response:?}");
}

#[actix_web::test]
async fn inner_middleware_panic_has_security_headers() {
    let app = init_service(
        App::new()
            .service(status)
            .wrap_fn(|request, service| {
                assert_ne!(request.path(), "/status/200", "a middleware panics");
                service.call(request)
            })
            .wrap(palisade()),
    )
    .await;
    call(&app, get_request("/status/200")).await.assert_problem(500);
    assert_eq!(call(&app, get_request("/status/204")).await.status, 204);
}

#[actix_web::test]
async fn hsts_is_not_sent_without_tls() {
    // In-process tests have no TLS; the test of the example server over real TLS checks the header.
    let app = app!();
    let response = call(&app, get_request("/api/status/200")).await;
    assert!(!response.headers.contains_key("strict-transport-security"));
}

#[actix_web::test]
async fn authenticated_response_is_not_cacheable() {
    let app = app!();
    let authenticated = get_request("/api/admin").insert_header(("authorization", bearer("root", &["admin"])));
    assert_eq!(call(&app, authenticated).await.header("cache-control"), "no-store");
    assert_eq!(call(&app, get_request("/api/status/200")).await.header("cache-control"), "");
}

#[actix_web::test]
async fn problem_hook_cannot_change_the_status() {
    let palisade =
        builder().problems(|problem| HttpResponse::Ok().body(format!("!{}", problem.status()))).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("/api").service(admin)).wrap(palisade)).await;
    for (path, code, body) in
        [("/api/admin", 401, "!401 Unauthorized"), ("/api/x", 404, "!404 Not Found"), ("/%00", 400, "!400 Bad Request")]
    {
        let response = call(&app, get_request(path)).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (code, body));
        response.assert_headers();
    }
    assert!(call(&app, get_request("/api/admin")).await.headers.contains_key("www-authenticate"));
}
