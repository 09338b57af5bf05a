//! CWE-862; ASVS V8.2.1, V16.5.3: an unguarded handler that runs, although its response is then discarded. What it
//! deleted stays deleted, so no unguarded handler may run: not beside guarded routes, not by another method, not in a
//! scope of actix-web, and not as a default service.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::Method;
use actix_web::middleware::{Compress, DefaultHeaders, Logger, Next, NormalizePath, from_fn};
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, Error, HttpResponse, web};
use palisade::{authenticated, deferring, get, public};
use palisade_tests::log::Log;
use palisade_tests::{TestResponse, builder, call, get_request, palisade, request};

thread_local! {
    /// The number of times that an unguarded handler ran. Each test has its own thread.
    static RAN: AtomicU32 = const { AtomicU32::new(0) };
}

async fn raw() -> &'static str {
    RAN.with(|ran| ran.fetch_add(1, SeqCst));
    "nobody guards this"
}

fn ran() -> u32 {
    RAN.with(|ran| ran.load(SeqCst))
}

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

#[get("/things/{id}")]
#[public]
async fn thing(id: Path<String>) -> String {
    id.into_inner()
}

#[public]
async fn function() -> &'static str {
    "a function"
}

struct Users;

impl Users {
    #[public]
    async fn associated() -> &'static str {
        "an associated function"
    }
}

#[actix_web::get("/theirs")]
#[public]
async fn theirs() -> &'static str {
    "routed by actix-web"
}

#[track_caller]
fn assert_rejected(response: &TestResponse, status: u16) {
    response.assert_problem(status);
    assert!(!response.body.contains("nobody"), "{response:?}");
    assert_eq!(ran(), 0, "an unguarded handler ran: {response:?}");
}

#[actix_web::test]
async fn unguarded_handler_beside_guarded_routes_does_not_run() {
    let app = init_service(
        App::new()
            .service(open)
            .route("/raw", web::delete().to(raw))
            .service(web::resource("/resource").to(raw))
            .service(
                web::scope("/nested")
                    .route("/raw", web::get().to(raw))
                    .service(web::scope("/deeper").route("/{x}", web::to(raw))),
            )
            .wrap(palisade()),
    )
    .await;
    assert_rejected(&call(&app, request(Method::DELETE, "/raw")).await, 500);
    for path in ["/resource", "/nested/raw", "/nested/deeper/1"] {
        assert_rejected(&call(&app, get_request(path)).await, 500);
    }
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
}

#[actix_web::test]
async fn unguarded_method_on_guarded_path_does_not_run() {
    let app = init_service(
        App::new()
            .route("/open", web::delete().to(raw))
            .service(open)
            .service(thing)
            .route("/things/{id}", web::put().to(raw))
            .service(palisade::scope("/scope").service(thing))
            .route("/scope/things/{id}", web::delete().to(raw))
            .service(web::resource("/function").route(web::get().to(function)).route(web::post().to(raw)))
            .wrap(palisade()),
    )
    .await;
    for (method, path) in [
        (Method::DELETE, "/open"),
        (Method::PUT, "/things/1"),
        (Method::DELETE, "/scope/things/1"),
        (Method::POST, "/function"),
    ] {
        let response = call(&app, request(method, path)).await;
        assert_rejected(&response, 405);
        assert_eq!(
            response.header("allow"),
            "GET, HEAD".replace(", HEAD", if path == "/function" { "" } else { ", HEAD" })
        );
    }
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
    assert_eq!(call(&app, get_request("/function")).await.body, "a function");
}

#[actix_web::test]
async fn unguarded_default_service_does_not_run() {
    let nested = web::scope("/nested").service(open).default_service(web::to(raw));
    let app =
        init_service(App::new().service(open).service(nested).default_service(web::to(raw)).wrap(palisade())).await;
    for path in ["/anything", "/", "/nested/anything", "/raw/../open"] {
        assert_rejected(&call(&app, get_request(path)).await, 404);
    }
    assert_eq!(call(&app, get_request("/nested/open")).await.body, "open");
}

#[actix_web::test]
async fn palisade_app_detects_an_unguarded_default_service() {
    let routes = || palisade::scope("").service(open).service(palisade::scope("/x").service(thing));
    let app = init_service(palisade().app(routes())).await;
    assert_rejected(&call(&app, get_request("/anything")).await, 404);
    assert_rejected(&call(&app, get_request("/x/anything")).await, 404);
    assert_rejected(&call(&app, request(Method::DELETE, "/open")).await, 405);
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
    let app =
        init_service(palisade().app(routes()).default_service(web::to(raw)).route("/raw", web::get().to(raw))).await;
    for path in ["/anything", "/raw"] {
        assert_rejected(&call(&app, get_request(path)).await, 500);
    }
    assert_eq!(call(&app, get_request("/x/things/1")).await.body, "1");
}

#[actix_web::test]
async fn guarded_functions_run_however_they_are_routed() {
    let app = init_service(
        App::new()
            .route("/function", web::get().to(function))
            .service(web::resource("/resource").to(function))
            .service(web::scope("/nested").route("/function", web::get().to(function)).service(theirs))
            .route("/associated", web::get().to(Users::associated))
            .service(theirs)
            .default_service(web::to(function))
            .wrap(palisade()),
    )
    .await;
    for (path, body) in [
        ("/function", "a function"),
        ("/resource", "a function"),
        ("/nested/function", "a function"),
        ("/nested/theirs", "routed by actix-web"),
        ("/associated", "an associated function"),
        ("/theirs", "routed by actix-web"),
        ("/anything", "a function"),
    ] {
        assert_eq!(call(&app, get_request(path)).await.body, body, "{path}");
    }
}

#[actix_web::test]
async fn wrong_method_is_405_with_allow_header() {
    let app = init_service(
        App::new()
            .service(open)
            .service(web::resource("/function").route(web::get().to(function)).route(web::post().to(function)))
            .wrap(palisade()),
    )
    .await;
    for (path, allowed) in [("/open", "GET, HEAD"), ("/function", "GET, POST")] {
        let response = call(&app, request(Method::DELETE, path)).await;
        response.assert_problem(405);
        assert_eq!(response.header("allow"), allowed);
    }
}

async fn pause_first(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    palisade_tests::pause().await;
    next.call(request).await
}

#[actix_web::test]
async fn synchronous_middleware_hides_no_unguarded_handler() {
    let app = init_service(
        App::new()
            .service(open)
            .service(
                web::scope("/nested")
                    .wrap(Logger::default())
                    .route("/function", web::get().to(function))
                    .route("/raw", web::to(raw)),
            )
            .route("/raw", web::get().to(raw))
            .wrap(DefaultHeaders::new().add(("x-extra", "1")))
            .wrap(Compress::default())
            .wrap(NormalizePath::trim())
            .wrap(palisade()),
    )
    .await;
    for path in ["/raw", "/nested/raw"] {
        assert_rejected(&call(&app, get_request(path)).await, 500);
    }
    for (path, body) in [("/open/", "open"), ("/nested/function", "a function")] {
        assert_eq!(call(&app, get_request(path)).await.body, body);
    }
}

#[actix_web::test]
async fn awaiting_middleware_must_be_declared_as_deferring() {
    let app = init_service(App::new().service(open).wrap(from_fn(pause_first)).wrap(palisade())).await;
    call(&app, get_request("/open")).await.assert_problem(500);

    let app = init_service(
        App::new()
            .service(open)
            .route("/raw", web::get().to(raw))
            .service(
                web::scope("/nested").wrap(deferring(from_fn(pause_first))).service(open).route("/raw", web::to(raw)),
            )
            .wrap(deferring(from_fn(pause_first)))
            .wrap(palisade()),
    )
    .await;
    for path in ["/open", "/nested/open"] {
        assert_eq!(call(&app, get_request(path)).await.body, "open", "{path}");
    }
    for path in ["/raw", "/nested/raw"] {
        assert_rejected(&call(&app, get_request(path)).await, 500);
    }
    assert_rejected(&call(&app, get_request("/anything")).await, 404);
    let response = call(&app, request(Method::DELETE, "/open")).await;
    assert_rejected(&response, 405);
    assert_eq!(response.header("allow"), "GET, HEAD");
}

#[actix_web::test]
async fn only_exempt_services_run_unguarded() {
    let palisade = builder().allow_unguarded("/docs", "documentation for everybody").build().unwrap();
    let pages = fn_service(|request: ServiceRequest| async {
        Ok::<_, Error>(request.into_response(HttpResponse::Ok().body("a page")))
    });
    let app = init_service(
        App::new()
            .service(web::resource("/{any}/raw").to(raw))
            .service(web::scope("/docs").default_service(pages))
            .route("/raw", web::get().to(raw))
            .service(open)
            .wrap(palisade),
    )
    .await;
    for path in ["/docs/raw", "/raw", "/x/raw"] {
        assert_rejected(&call(&app, get_request(path)).await, 500);
    }
    assert_eq!(call(&app, get_request("/docs/page")).await.body, "a page");
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

#[actix_web::test]
async fn rejected_request_opens_nothing_for_the_next() {
    let app = init_service(App::new().service(me).route("/raw", web::get().to(raw)).wrap(palisade())).await;
    for _ in 0..3 {
        call(&app, get_request("/me")).await.assert_problem(401);
        assert_rejected(&call(&app, get_request("/raw")).await, 500);
    }
}

#[actix_web::test]
async fn guarded_default_service_hides_no_unguarded_handler() {
    let routes = palisade::scope("").service(open);
    let ours = init_service(palisade().app(routes).route("/other", web::get().to(raw))).await;
    assert_rejected(&call(&ours, get_request("/other")).await, 500);
    assert_rejected(&call(&ours, get_request("/nothing")).await, 404);
    let usual = App::new().service(open).route("/other", web::get().to(raw)).default_service(web::to(function));
    let usual = init_service(usual.wrap(palisade())).await;
    assert_rejected(&call(&usual, get_request("/other")).await, 500);
    assert_eq!(call(&usual, get_request("/nothing")).await.body, "a function");
}

#[actix_web::test]
async fn palisade_can_wrap_app_scope_or_both() {
    let inner = || web::scope("/x").wrap(palisade()).service(open).route("/raw", web::get().to(raw));
    for app in [
        init_service(App::new().service(inner()).wrap(optional_palisade(true))).await,
        init_service(App::new().service(inner()).wrap(optional_palisade(false))).await,
    ] {
        assert_eq!(call(&app, get_request("/x/open")).await.body, "open");
        assert_rejected(&call(&app, get_request("/x/raw")).await, 500);
        let response = call(&app, request(Method::DELETE, "/x/open")).await;
        assert_rejected(&response, 405);
        assert_eq!(response.header("allow"), "GET, HEAD");
    }
}

/// Palisade around the whole application too, or not.
fn optional_palisade(around: bool) -> actix_web::middleware::Condition<palisade::Palisade> {
    actix_web::middleware::Condition::new(around, palisade())
}

#[actix_web::test]
async fn unknown_host_is_404_without_error_log() {
    let (log, _guard) = Log::start();
    let scope = web::scope("").guard(actix_web::guard::Host("api.example.com")).service(open);
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    let of = |method, host: &'static str| request(method, "/open").insert_header(("host", host));
    assert_eq!(call(&app, of(Method::GET, "api.example.com")).await.body, "open");
    assert_rejected(&call(&app, of(Method::GET, "elsewhere.example.com")).await, 404);
    log.assert_one(&["WARN", "status=404", "reason=\"no_guard_reached\"", "/open"]);
    // Without the host, the allowed methods cannot be determined.
    assert_rejected(&call(&app, of(Method::DELETE, "api.example.com")).await, 404);
    log.assert_one(&["WARN", "status=404", "reason=\"no_guard_reached\"", "/open"]);
}

#[actix_web::test]
async fn each_blocked_unguarded_request_is_logged() {
    let (log, _guard) = Log::start();
    let nested = web::scope("/nested").route("/raw", web::put().to(raw));
    let app = App::new().service(open).route("/raw", web::delete().to(raw)).service(nested).wrap(palisade());
    let app = init_service(app).await;
    for (method, path) in [(Method::DELETE, "/raw"), (Method::PUT, "/nested/raw")] {
        assert_rejected(&call(&app, request(method.clone(), path)).await, 500);
        log.assert_one(&["ERROR", "misconfigured", &format!("{method} {path}"), "#[public]", "palisade::deferring"]);
    }
}

#[palisade::route("/traced", method = "TRACE")]
#[public]
async fn traced() -> &'static str {
    "traced"
}

#[actix_web::test]
async fn wrong_method_on_trace_route_is_405() {
    let (log, _guard) = Log::start();
    let app = init_service(App::new().service(traced).wrap(palisade())).await;
    assert_eq!(call(&app, request(Method::TRACE, "/traced")).await.body, "traced");
    let response = call(&app, request(Method::DELETE, "/traced")).await;
    assert_rejected(&response, 405);
    assert_eq!(response.header("allow"), "TRACE");
    log.assert_one(&["WARN", "status=405", "/traced"]);
}

#[actix_web::test]
async fn a_redirect_without_a_policy_is_named_in_the_log() {
    let (log, _guard) = Log::start();
    let app = App::new().service(open).service(web::redirect("/old", "/open")).wrap(palisade());
    let app = init_service(app).await;
    assert_rejected(&call(&app, get_request("/old")).await, 500);
    log.assert_one(&["ERROR", "misconfigured", "GET /old", "#[public]"]);
}

#[actix_web::test]
async fn a_default_service_without_a_policy_is_named_in_the_log_once() {
    let (log, _guard) = Log::start();
    let app = init_service(App::new().service(open).default_service(web::to(raw)).wrap(palisade())).await;
    assert_rejected(&call(&app, get_request("/nowhere")).await, 404);
    let logged = log.take_all();
    for part in ["default_service_not_run", "default_service", "#[public]", "web::to(function)"] {
        assert!(logged.contains(part), "{logged}");
    }
    assert_rejected(&call(&app, get_request("/elsewhere")).await, 404);
    assert!(!log.take_all().contains("default_service_not_run"), "it is logged once");
    assert_eq!(ran(), 0);
}
