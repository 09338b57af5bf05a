//! Preflights that another rule than that of their route answers (CWE-942): plain functions, middleware that hides the route, services
//! without a policy, private networks. And preflights that run something, are counted or need credentials (CWE-696).

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::Method;
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};
use palisade::{Cors, authenticated, cors, deferring, get, post, public, rate_limit};
use palisade_tests::{TestResponse, builder, call, get_request, request};

const APP: &str = "https://app.example";
const WRITER: &str = "https://writer.example";

#[authenticated]
#[cors("https://writer.example", credentials)]
async fn plain_function() -> &'static str {
    "plain"
}

#[public]
async fn plain_function_without_a_rule() -> &'static str {
    "plain"
}

#[actix_web::post("/actix")]
#[public]
#[cors("https://writer.example")]
async fn of_actix() -> &'static str {
    "actix"
}

#[post("/closed")]
#[authenticated]
#[cors(none)]
async fn closed() -> &'static str {
    "closed"
}

#[get("/counted")]
#[authenticated]
#[rate_limit(1, "1h")]
#[cors("https://writer.example")]
async fn counted() -> &'static str {
    "counted"
}

fn preflight(path: &str, origin: &str, method: &str) -> TestRequest {
    request(Method::OPTIONS, path)
        .insert_header(("origin", origin))
        .insert_header(("access-control-request-method", method))
}

fn shared_with(response: &TestResponse) -> &str {
    response.header("access-control-allow-origin")
}

async fn awaits_first(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    tokio::task::yield_now().await;
    next.call(request).await
}

/// The router of actix-web knows no rule. Also of the first preflight of a worker.
#[actix_web::test]
async fn plain_functions_have_their_rule_in_preflights() {
    let palisade = builder().cors(Cors::allow_origins([APP])).build().unwrap();
    let app = App::new()
        .route("/plain", web::post().to(plain_function))
        .route("/plain", web::get().to(plain_function_without_a_rule))
        .service(web::resource("/resource").route(web::put().to(plain_function)))
        .service(of_actix)
        .default_service(web::to(plain_function));
    let app = init_service(app.wrap(palisade)).await;
    for (path, method, allowed) in [
        ("/plain", "POST", WRITER),
        ("/plain", "GET", APP),
        ("/resource", "PUT", WRITER),
        ("/actix", "POST", WRITER),
        ("/elsewhere", "POST", WRITER),
    ] {
        for origin in [APP, WRITER, "https://evil.example"] {
            let response = call(&app, preflight(path, origin, method)).await;
            assert_eq!(shared_with(&response), if origin == allowed { origin } else { "" }, "{method} {path} {origin}");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = call(&app, request(method.clone(), path).insert_header(("origin", origin))).await;
            assert_eq!(shared_with(&response), if origin == allowed { origin } else { "" }, "{method} {path} {origin}");
        }
    }
}

/// Otherwise the rule of the application would open a route that is closed.
#[actix_web::test]
async fn deferring_middleware_hides_no_rule() {
    let app = App::new().service(palisade::scope("").service(closed).service(counted));
    let app = app.route("/plain", web::post().to(plain_function)).wrap(deferring(from_fn(awaits_first)));
    let app = app.wrap(deferring(from_fn(awaits_first)));
    let palisade = builder().cors(Cors::allow_origins([APP]).allow_credentials()).build().unwrap();
    let app = init_service(app.wrap(palisade)).await;
    for (path, method, origin, status) in [
        ("/closed", "POST", APP, 403),
        ("/closed", "POST", WRITER, 403),
        ("/counted", "GET", WRITER, 204),
        ("/counted", "GET", APP, 403),
        ("/plain", "POST", WRITER, 204),
        ("/plain", "POST", APP, 403),
        ("/nowhere", "POST", APP, 204),
    ] {
        let response = call(&app, preflight(path, origin, method)).await;
        assert_eq!(response.status, status, "{method} {path} {origin}");
    }
    // A request that is no preflight passes the middleware as before.
    let response = call(&app, get_request("/counted").insert_header(("origin", WRITER))).await;
    response.assert_problem(401);
    assert_eq!(shared_with(&response), WRITER);
}

#[public]
#[cors(any)]
async fn root() -> &'static str {
    "open to all"
}

/// A middleware that calls its inner service at once gets no request whose rule could be taken for that of the route.
#[actix_web::test]
async fn rule_of_another_path_does_not_answer_a_preflight() {
    let app = App::new().route("/", web::get().to(root)).route("/plain", web::get().to(plain_function_without_a_rule));
    let app = app.wrap(deferring(Compress::default())).wrap(deferring(from_fn(awaits_first)));
    let app = init_service(app.wrap(builder().cors(Cors::allow_origins([APP])).build().unwrap())).await;
    for (path, origin, status) in
        [("/", WRITER, 204), ("/plain", WRITER, 403), ("/plain", APP, 204), ("/none", WRITER, 403)]
    {
        assert_eq!(call(&app, preflight(path, origin, "GET")).await.status, status, "{path} {origin}");
    }
}

/// Q7 and B3: a preflight that a rate limit counts, or that authentication rejects.
#[actix_web::test]
async fn preflights_are_neither_counted_nor_authenticated() {
    let palisade = builder().build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(counted)).wrap(palisade)).await;
    for _ in 0..10 {
        let response = call(&app, preflight("/counted", WRITER, "GET")).await;
        assert_eq!(response.status, 204);
        assert_eq!(response.header("ratelimit"), "");
    }
    call(&app, get_request("/counted")).await.assert_problem(401);
    call(&app, get_request("/counted")).await.assert_problem(429);
}

#[actix_web::test]
async fn nothing_of_a_service_without_policy_runs_in_a_preflight() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let files = web::scope("/files").default_service(fn_service(|request: ServiceRequest| async {
        RUNS.fetch_add(1, Ordering::SeqCst);
        Ok(request.into_response(HttpResponse::Ok().finish()))
    }));
    let palisade =
        builder().cors(Cors::allow_origins([APP])).allow_unguarded("/files", "public files").build().unwrap();
    let app = App::new().service(palisade::scope("/api").service(counted)).service(files);
    let app = init_service(app.wrap(palisade)).await;
    for (origin, status) in [(APP, 204), (WRITER, 403)] {
        assert_eq!(call(&app, preflight("/files/a.js", origin, "GET")).await.status, status, "{origin}");
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);
    assert_eq!(shared_with(&call(&app, get_request("/files/a.js").insert_header(("origin", APP))).await), APP);
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

/// Such a service may act when it is called, before its future is polled.
#[actix_web::test]
async fn service_without_policy_is_not_called_for_a_preflight() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let raw = web::scope("/raw").service(web::resource("/{id}").route(web::delete().service(fn_service(
        |request: ServiceRequest| {
            CALLS.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ok::<_, Error>(request.into_response(HttpResponse::Ok().finish())))
        },
    ))));
    let palisade = builder().cors(Cors::allow_origins([APP])).allow_unguarded("/raw", "a test").build().unwrap();
    // A route with a rule of its own, so that preflights are routed.
    let own = palisade::scope("/api").cors(Cors::allow_origins([WRITER])).service(counted);
    let app = init_service(App::new().service(own).service(raw).wrap(palisade)).await;
    for (path, origin, status) in [
        ("/raw/7", APP, 204),
        ("/raw/7", WRITER, 403),
        ("/%72aw/7", WRITER, 403),
        ("/raw/7/", WRITER, 403),
        ("/raw", APP, 204),
    ] {
        assert_eq!(call(&app, preflight(path, origin, "DELETE")).await.status, status, "{path} {origin}");
    }
    assert_eq!(CALLS.load(Ordering::SeqCst), 0);
    assert_eq!(call(&app, request(Method::DELETE, "/raw/7")).await.status, 200);
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
}

/// A page of the internet must not reach a server in the network of its visitor.
#[actix_web::test]
async fn access_to_private_networks_is_not_granted() {
    for cors in [Rc::new(Cors::allow_origins([APP])), Rc::new(Cors::allow_origins([APP]).allow_credentials())] {
        let palisade = builder().cors((*cors).clone()).build().unwrap();
        let app = init_service(App::new().service(palisade::scope("").service(counted)).wrap(palisade)).await;
        let request =
            preflight("/nowhere", APP, "GET").insert_header(("access-control-request-private-network", "true"));
        let response = call(&app, request).await;
        assert_eq!(response.status, 204);
        assert!(!response.headers.contains_key("access-control-allow-private-network"));
    }
}

/// `OPTIONS` without `Access-Control-Request-Method` is no preflight.
#[actix_web::test]
async fn other_options_requests_are_ordinary_requests() {
    let palisade = builder().cors(Cors::allow_origins([APP])).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(counted)).wrap(palisade)).await;
    let response = call(&app, request(Method::OPTIONS, "/counted").insert_header(("origin", APP))).await;
    response.assert_problem(405);
    let announced = request(Method::OPTIONS, "/counted").insert_header(("access-control-request-method", "GET"));
    call(&app, announced).await.assert_problem(405);
}
