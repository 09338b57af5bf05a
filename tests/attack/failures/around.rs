//! Where the error is not the guarded handler's: middleware inside of palisade, and services without a policy.

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::error::{ErrorConflict, ErrorInternalServerError};
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, web};
use palisade::Problem;
use palisade_tests::log::Log;
use palisade_tests::{builder, call, get as getting};

use super::errors::{Boxed, OnStoreFailure, SECRET};
use super::{assert_tells_nothing, open, palisade};

#[actix_web::test]
async fn an_error_of_an_inner_middleware_is_one_event_and_tells_nothing() {
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
        (|| OnStoreFailure.into(), 503),
        (|| Boxed::from(SECRET).into(), 500),
    ] {
        let answer = call(&init_service(erring(make).wrap(palisade())).await, getting("/open")).await;
        answer.assert_problem(status);
        assert_tells_nothing(&answer);
        let status = format!("status={status}");
        log.assert_one(&["ERROR", "event=\"failed\"", "method=\"GET\"", &status, "hunter2"]);

        let shown = builder().reveal_internal_errors().build().unwrap();
        let answer = call(&init_service(erring(make).wrap(shown)).await, getting("/open")).await;
        assert!(answer.json()["detail"].as_str().unwrap().contains("hunter2"), "{answer:?}");
        log.take_all();
    }

    let problem = || Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail("Closed for lunch.").into();
    let answer = call(&init_service(erring(problem).wrap(palisade())).await, getting("/open")).await;
    answer.assert_problem(503);
    assert_eq!(answer.json()["detail"], "Closed for lunch.");
    log.assert_one(&["event=\"failed\"", "Closed for lunch."]);
    let shown = builder().reveal_internal_errors().build().unwrap();
    let answer = call(&init_service(erring(problem).wrap(shown)).await, getting("/open")).await;
    assert_eq!(answer.json()["detail"], "Closed for lunch.", "it has no cause to show");
    log.take_all();

    let refused = || ErrorConflict("the name is taken");
    call(&init_service(erring(refused).wrap(palisade())).await, getting("/open")).await.assert_problem(409);
    assert_eq!(log.take(), Vec::<String>::new(), "a refusal of a middleware is no failure of the server");
}

#[actix_web::test]
async fn a_response_that_an_inner_middleware_makes_of_an_error_tells_nothing() {
    let app = App::new().service(open).wrap_fn(|request, service| {
        let called = service.call(request);
        async move { Ok(called.await?.error_response(ErrorInternalServerError(SECRET))) }
    });
    let app = init_service(app.wrap(palisade())).await;
    let (log, _guard) = Log::start();
    let answer = call(&app, getting("/open")).await;
    answer.assert_problem(500);
    assert_tells_nothing(&answer);
    log.assert_one(&["event=\"failed\"", "route=/open", "hunter2"]);
}

#[actix_web::test]
async fn a_service_without_a_policy_tells_nothing_either() {
    let palisade = builder().allow_unguarded("/static", "style sheets for everybody").build().unwrap();
    let failing = web::resource("/{name}").to(|| async { Err::<String, _>(ErrorInternalServerError(SECRET)) });
    let app = init_service(App::new().service(web::scope("/static").service(failing)).wrap(palisade)).await;
    let (log, _guard) = Log::start();
    let answer = call(&app, getting("/static/site.css")).await;
    answer.assert_problem(500);
    assert_tells_nothing(&answer);
    log.assert_one(&["event=\"failed\"", "method=\"GET\"", "route=/static/{name}", "hunter2"]);
}
