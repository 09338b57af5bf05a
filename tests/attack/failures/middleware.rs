//! Errors that do not come from the guarded handler: from middleware inside palisade, and from services without a
//! policy (CWE-209).

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::error::{ErrorConflict, ErrorInternalServerError};
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, web};
use palisade::Problem;
use palisade_tests::log::Log;
use palisade_tests::{builder, call, get_request};

use super::errors::{Boxed, DatabaseDown, SECRET};
use super::{assert_reveals_nothing, open, palisade};

#[actix_web::test]
async fn inner_middleware_error_reveals_nothing() {
    let erring = |make: fn() -> actix_web::Error| {
        App::new().service(open).wrap_fn(move |request, service| {
            let called = service.call(request);
            async move {
                drop(called.await?);
                Err::<ServiceResponse, _>(make())
            }
        })
    };
    let (log, _guard) = Log::start();
    for (make, status) in [
        ((|| ErrorInternalServerError(SECRET)) as fn() -> actix_web::Error, 500),
        (|| DatabaseDown.into(), 503),
        (|| Boxed::from(SECRET).into(), 500),
    ] {
        let response = call(&init_service(erring(make).wrap(palisade())).await, get_request("/open")).await;
        response.assert_problem(status);
        assert_reveals_nothing(&response);
        let status = format!("status={status}");
        log.assert_one(&["ERROR", "event=\"failed\"", "method=\"GET\"", &status, "hunter2"]);

        let shown = builder().reveal_internal_errors().build().unwrap();
        let response = call(&init_service(erring(make).wrap(shown)).await, get_request("/open")).await;
        assert!(response.json()["detail"].as_str().unwrap().contains("hunter2"), "{response:?}");
        log.take_all();
    }

    let problem = || Problem::new(StatusCode::SERVICE_UNAVAILABLE).with_detail("Closed for lunch.").into();
    let response = call(&init_service(erring(problem).wrap(palisade())).await, get_request("/open")).await;
    response.assert_problem(503);
    assert_eq!(response.json()["detail"], "Closed for lunch.");
    log.assert_one(&["event=\"failed\"", "Closed for lunch."]);
    let shown = builder().reveal_internal_errors().build().unwrap();
    let response = call(&init_service(erring(problem).wrap(shown)).await, get_request("/open")).await;
    assert_eq!(response.json()["detail"], "Closed for lunch.", "there is no cause to reveal");
    log.take_all();

    let rejected = || ErrorConflict("the name is taken");
    call(&init_service(erring(rejected).wrap(palisade())).await, get_request("/open")).await.assert_problem(409);
    assert_eq!(log.take(), Vec::<String>::new(), "a client error of a middleware is not logged as a failure");
}

#[actix_web::test]
async fn error_response_of_inner_middleware_reveals_nothing() {
    let app = App::new().service(open).wrap_fn(|request, service| {
        let called = service.call(request);
        async move { Ok(called.await?.error_response(ErrorInternalServerError(SECRET))) }
    });
    let app = init_service(app.wrap(palisade())).await;
    let (log, _guard) = Log::start();
    let response = call(&app, get_request("/open")).await;
    response.assert_problem(500);
    assert_reveals_nothing(&response);
    log.assert_one(&["event=\"failed\"", "route=/open", "hunter2"]);
}

#[actix_web::test]
async fn exempt_service_error_reveals_nothing() {
    let palisade = builder().allow_unguarded("/static", "style sheets for everybody").build().unwrap();
    let failing = web::resource("/{name}").to(|| async { Err::<String, _>(ErrorInternalServerError(SECRET)) });
    let app = init_service(App::new().service(web::scope("/static").service(failing)).wrap(palisade)).await;
    let (log, _guard) = Log::start();
    let response = call(&app, get_request("/static/site.css")).await;
    response.assert_problem(500);
    assert_reveals_nothing(&response);
    log.assert_one(&["event=\"failed\"", "method=\"GET\"", "route=/static/{name}", "hunter2"]);
}
