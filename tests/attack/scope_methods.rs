//! CWE-862: what a scope has of actix-web's methods stands behind the checks, and a service of another crate has a policy.

use std::cell::Cell;
use std::rc::Rc;

use actix_files::Files;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::test::init_service;
use actix_web::web::{Data, Json, JsonConfig};
use actix_web::{App, Error, HttpRequest, HttpResponse};
use palisade::policy::Rule;
use palisade::scope::{ServiceConfig, guarded};
use palisade::{Scope, authenticated, get, post, public, rate_limit};
use palisade_tests::{bearer, call, get_request, palisade, request};

#[get("/open")]
#[public]
async fn open() -> &'static str {
    "open"
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "me"
}

#[get("/name")]
#[public]
async fn show_name(name: Data<String>) -> String {
    name.to_string()
}

#[post("/text")]
#[public]
async fn echo(text: Json<String>) -> String {
    text.into_inner()
}

#[authenticated]
async fn page(request: HttpRequest) -> String {
    format!("page {}", request.path())
}

#[public]
async fn open_page() -> &'static str {
    "open page"
}

fn as_alice(path: &str) -> actix_web::test::TestRequest {
    get_request(path).insert_header(("authorization", bearer("alice", &[])))
}

async fn app(
    scope: Scope,
) -> impl actix_web::dev::Service<actix_http::Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    init_service(App::new().app_data(Data::new("outside".to_owned())).service(scope).wrap(palisade())).await
}

thread_local! {
    static SEEN: Cell<u32> = const { Cell::new(0) };
}

async fn seeing(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    SEEN.set(SEEN.get() + 1);
    next.call(request).await
}

#[actix_web::test]
async fn middleware_of_a_scope_gets_only_admitted_requests() {
    let inner = palisade::scope("/inner").wrap(DefaultHeaders::new().add(("x-inner", "1"))).service(me);
    let scope = palisade::scope("/s").wrap(from_fn(seeing)).service(me).service(inner).service(open);
    let app = app(scope).await;
    for path in ["/s/me", "/s/inner/me"] {
        call(&app, get_request(path)).await.assert_problem(401);
    }
    assert_eq!(SEEN.get(), 0, "no rejected request reached the middleware");
    let response = call(&app, as_alice("/s/inner/me")).await;
    assert_eq!((response.body.as_str(), response.header("x-inner")), ("me", "1"));
    assert_eq!(SEEN.get(), 1);
    assert_eq!(call(&app, get_request("/s/open")).await.body, "open");
    // It also gets requests for unknown paths and other methods, which it may want to count.
    call(&app, get_request("/s/nowhere")).await.assert_problem(404);
    let response = call(&app, request(Method::DELETE, "/s/me")).await;
    response.assert_problem(405);
    assert_eq!(response.header("allow"), "GET, HEAD");
    assert_eq!(SEEN.get(), 4);
}

#[get("/limited", wrap = "DefaultHeaders::new().add((\"x-order\", \"route\"))")]
#[public]
#[rate_limit(2, "1m", count = failures)]
async fn limited() -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn failing(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    assert_eq!(response.headers().get("x-order").unwrap(), "route", "the route's own middleware is inside");
    *response.response_mut().status_mut() = actix_web::http::StatusCode::IM_A_TEAPOT;
    Ok(response)
}

#[actix_web::test]
async fn the_status_behind_the_middleware_of_a_scope_settles_rate_limits() {
    let app = app(palisade::scope("/settled").wrap(from_fn(failing)).service(limited)).await;
    for status in [418, 418, 429] {
        assert_eq!(call(&app, get_request("/settled/limited")).await.status, status);
    }
}

#[actix_web::test]
async fn the_last_middleware_of_a_scope_is_the_outermost() {
    let order = |name: &'static str| {
        from_fn(move |request: ServiceRequest, next: Next<_>| async move {
            let mut response: ServiceResponse<_> = next.call(request).await?;
            let header = (actix_web::http::header::HeaderName::from_static("x-order"), name.parse().unwrap());
            response.headers_mut().append(header.0, header.1);
            Ok::<_, Error>(response)
        })
    };
    let inner = palisade::scope("/b").wrap(order("1")).wrap(order("2")).service(open);
    let app = app(palisade::scope("/a").wrap(order("3")).wrap(order("4")).service(inner)).await;
    let response = call(&app, get_request("/a/b/open")).await;
    let order: Vec<_> = response.headers.get_all("x-order").map(|value| value.to_str().unwrap()).collect();
    assert_eq!(order, ["1", "2", "3", "4"]);
}

#[actix_web::test]
async fn data_of_the_innermost_scope_counts() {
    let data = |text: &str| Data::new(text.to_owned());
    let inner = palisade::scope("/inner").app_data(data("inner")).service(show_name);
    let outer = palisade::scope("/outer").app_data(data("outer")).service(show_name).service(inner);
    let nameless = palisade::scope("").app_data(data("nameless")).service(show_name);
    let app =
        app(palisade::scope("/s").service(outer).service(nameless).service(palisade::scope("/x").service(show_name)))
            .await;
    for (path, expected) in [
        ("/s/outer/name", "outer"),
        ("/s/outer/inner/name", "inner"),
        ("/s/name", "nameless"),
        ("/s/x/name", "outside"),
    ] {
        assert_eq!(call(&app, get_request(path)).await.body, expected, "{path}");
    }
}

#[actix_web::test]
async fn settings_of_extractors_apply_to_a_scope() {
    let small = palisade::scope("/small").app_data(JsonConfig::default().limit(4)).service(echo);
    let app = app(palisade::scope("").service(small).service(palisade::scope("/large").service(echo))).await;
    let post = |path: &str| request(Method::POST, path).set_json("five!");
    call(&app, post("/small/text")).await.assert_problem(413);
    assert_eq!(call(&app, post("/large/text")).await.body, "five!");
}

fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("attack")
}

#[actix_web::test]
async fn static_files_have_a_policy() {
    let scope = palisade::scope("/s")
        .service(guarded("/open", Files::new("/", folder()), Rule::Public))
        .service(guarded("/closed", Files::new("/", folder()), Rule::Role("auditor")))
        .service(palisade::scope("/inside").require_role("auditor").service(guarded(
            "/files",
            Files::new("/", folder()),
            Rule::Authenticated,
        )));
    assert_eq!(scope.verify(), Ok(()));
    let table = scope.policies();
    let rows: Vec<_> =
        table.rows().iter().map(|row| format!("{} {} {}", row.methods()[0], row.path(), row.access())).collect();
    assert_eq!(
        rows,
        [
            "* /s/open/* public",
            "* /s/closed/* require_role(\"auditor\")",
            "* /s/inside/files/* require_role(\"auditor\") (scope /s/inside), authenticated",
        ]
    );
    assert!(table.rows()[0].handler().to_string().ends_with("Files"), "{}", table.rows()[0].handler());
    let app = app(scope).await;
    let file = "scope_methods.rs";
    assert!(call(&app, get_request(&format!("/s/open/{file}"))).await.body.contains("static_files_have_a_policy"));
    for prefix in ["/s/closed", "/s/inside/files"] {
        let path = format!("{prefix}/{file}");
        for path in [path.clone(), format!("{prefix}/nowhere"), prefix.to_owned(), format!("{prefix}/")] {
            call(&app, get_request(&path)).await.assert_problem(401);
            call(&app, as_alice(&path)).await.assert_problem(403);
        }
        let auditor = get_request(&path).insert_header(("authorization", bearer("alice", &["auditor"])));
        assert_eq!(call(&app, auditor).await.status, 200, "{path}");
    }
    let climbing = call(&app, get_request("/s/open/../../Cargo.toml")).await;
    assert!(climbing.status.is_client_error(), "{}", climbing.status);
    assert_eq!(call(&app, get_request("/s/openly")).await.status, 404, "a prefix ends at a slash");
}

/// Files below an open mount that are a closed mount of their own: another spelling of the path must not lead to them.
#[actix_web::test]
async fn a_service_never_sees_a_path_that_is_not_plain() {
    let folder = std::env::temp_dir().join(format!("palisade-plain-paths-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("private")).unwrap();
    std::fs::write(folder.join("private/secret.txt"), "a secret").unwrap();
    std::fs::write(folder.join("a file.txt"), "open").unwrap();
    let scope = palisade::scope("/s")
        .service(guarded("/files/private", Files::new("/", folder.join("private")), Rule::Role("admin")))
        .service(guarded("/files/", Files::new("/", &folder).index_file("a file.txt"), Rule::Public));
    assert_eq!(scope.verify(), Ok(()));
    let app = app(scope).await;
    call(&app, get_request("/s/files/private/secret.txt")).await.assert_problem(401);
    for path in [
        "//private/secret.txt",
        "/x/../private/secret.txt",
        "/x/%2e%2e/private/secret.txt",
        "/x/%2E./private/secret.txt",
        "/./private/secret.txt",
        "/x/..%2fprivate/secret.txt",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "/.",
        "/..",
        "//",
        "/x//",
        "/x\\..\\private\\secret.txt",
        "/x%5c..%5cprivate%5csecret.txt",
    ] {
        let response = call(&app, get_request(&format!("/s/files{}", path.replace('\\', "%5C")))).await;
        response.assert_problem(404);
    }
    for path in ["/a%20file.txt", "", "/"] {
        assert_eq!(call(&app, get_request(&format!("/s/files{path}"))).await.body, "open", "{path}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_service_that_would_lose_its_guards_or_path_is_a_config_error() {
    let route = actix_web::web::get().to(|| async { "raw" });
    for (scope, part) in [
        (palisade::scope("/s").service(guarded("/r", route, Rule::Public)), "is a `Route` of actix-web"),
        (palisade::scope("/s").default_service(guarded("/x", Files::new("/", folder()), Rule::Public)), "has no path"),
        // It takes each path, also in a scope without a prefix.
        (
            palisade::scope("").service(guarded("/", Files::new("/", folder()), Rule::Public)).service(me),
            "is never reached",
        ),
        (
            palisade::scope("/s").service(guarded("", Files::new("/", folder()), Rule::Public)).service(me),
            "is never reached",
        ),
    ] {
        let error = scope.verify().unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("scope_methods.rs:"), "{error}");
    }
}

#[actix_web::test]
async fn a_default_service_has_a_policy_and_the_demands_of_its_scope() {
    let closed = palisade::scope("/closed").require_role("editor").default_service(page).service(me);
    let files = palisade::scope("/files").default_service(guarded("", Files::new("/", folder()), Rule::Authenticated));
    let scope = palisade::scope("/s").default_service(page).service(me).service(closed).service(files);
    assert_eq!(scope.verify(), Ok(()));
    let table = scope.policies();
    let paths: Vec<_> = table.rows().iter().map(|row| row.path()).collect();
    assert_eq!(paths, ["/s/me", "/s/closed/me", "/s/closed/*", "/s/files/*", "/s/*"]);
    let app = app(scope).await;
    call(&app, get_request("/s/nowhere")).await.assert_problem(401);
    assert_eq!(call(&app, as_alice("/s/nowhere")).await.body, "page /s/nowhere");
    assert_eq!(call(&app, as_alice("/s/me/nowhere")).await.body, "page /s/me/nowhere");
    let posted = request(Method::POST, "/s/nowhere").insert_header(("authorization", bearer("alice", &[])));
    assert_eq!(call(&app, posted).await.body, "page /s/nowhere", "each method");
    call(&app, request(Method::POST, "/s/me")).await.assert_problem(405);
    call(&app, as_alice("/s/closed/nowhere")).await.assert_problem(403);
    let editor = get_request("/s/closed/nowhere").insert_header(("authorization", bearer("alice", &["editor"])));
    assert_eq!(call(&app, editor).await.body, "page /s/closed/nowhere");
    call(&app, get_request("/s/files/scope_methods.rs")).await.assert_problem(401);
    assert_eq!(call(&app, as_alice("/s/files/scope_methods.rs")).await.status, 200);
}

#[actix_web::test]
async fn a_default_service_is_inside_the_middleware_and_the_data_of_its_scope() {
    #[public]
    async fn named(name: Data<String>) -> String {
        name.to_string()
    }
    let scope = palisade::scope("/s")
        .app_data(Data::new("inside".to_owned()))
        .wrap(DefaultHeaders::new().add(("x-inside", "1")))
        .default_service(named);
    let response = call(&app(scope).await, get_request("/s/nowhere")).await;
    assert_eq!((response.body.as_str(), response.header("x-inside")), ("inside", "1"));
}

#[test]
fn a_scope_without_a_prefix_has_no_default_service() {
    let error =
        palisade::scope("/s").service(palisade::scope("").default_service(page)).verify().unwrap_err().to_string();
    assert!(
        error.contains("a scope without a prefix has no unknown paths") && error.contains("scope_methods.rs:"),
        "{error}"
    );
}

#[actix_web::test]
async fn a_function_configures_a_scope() {
    fn more(config: &mut ServiceConfig) {
        config.service(me).app_data(Data::new("configured".to_owned()));
    }
    fn routes(config: &mut ServiceConfig) {
        config.service(open).service(show_name).configure(more).default_service(open_page);
    }
    let app = app(palisade::scope("/s").configure(routes).configure(|config| {
        config.service(palisade::scope("/closure").service(open));
    }))
    .await;
    for (path, expected) in
        [("/s/open", "open"), ("/s/name", "configured"), ("/s/closure/open", "open"), ("/s/nowhere", "open page")]
    {
        assert_eq!(call(&app, get_request(path)).await.body, expected, "{path}");
    }
    call(&app, get_request("/s/me")).await.assert_problem(401);
}

#[actix_web::test]
async fn a_scope_is_configured_in_actix_webs_own_way_too() {
    fn routes(config: &mut actix_web::web::ServiceConfig) {
        config.service(palisade::scope("/s").service(open)).service(me);
    }
    let app = init_service(App::new().configure(routes).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/s/open")).await.body, "open");
    call(&app, get_request("/me")).await.assert_problem(401);
}

#[actix_web::test]
async fn data_of_a_scope_does_not_outlive_the_request() {
    let dropped = Rc::new(());
    let scope = palisade::scope("/s").app_data(Rc::clone(&dropped)).service(open);
    let app = app(scope).await;
    let before = Rc::strong_count(&dropped);
    for _ in 0..5 {
        assert_eq!(call(&app, get_request("/s/open")).await.body, "open");
    }
    assert_eq!(Rc::strong_count(&dropped), before);
}
