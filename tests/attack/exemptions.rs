//! Services without a policy (CWE-1188; ASVS V8.2.1): static files, documentation pages and third-party services
//! respond with 500 unless their mount is exempted by name and with a reason. The text of a request path never
//! selects an exemption.

use actix_files::Files;
use actix_web::dev::{ServiceRequest, fn_service};
use actix_web::test::init_service;
use actix_web::{App, HttpResponse, web};
use palisade::{Palisade, get, require_role};
use palisade_tests::{builder, call, get_request};

#[get("/admin")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "the admin's"
}

async fn raw() -> &'static str {
    "nobody guards this"
}

fn exempting(prefix: &str) -> Palisade {
    builder().allow_unguarded(prefix, "style sheets for everybody").build().unwrap()
}

/// A temporary folder with one file.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.css"), "body {}").unwrap();
    folder
}

macro_rules! app {
    ($folder:expr, $palisade:expr) => {
        init_service(
            App::new()
                .service(web::resource("/{any}/raw").to(raw))
                .service(Files::new("/static", $folder.path()))
                .service(web::scope("/docs").route("/index.html", web::get().to(raw)).service(
                    web::scope("/api").default_service(fn_service(async |request: ServiceRequest| {
                        Ok(request.into_response(HttpResponse::Ok().body("a page of others")))
                    })),
                ))
                .service(web::resource("/statics").to(raw))
                .service(palisade::scope("/api").service(admin))
                .service(web::resource("/anything").to(raw))
                .wrap($palisade),
        )
        .await
    };
}

/// B5: static files or documentation pages that are outside every rule, although nobody exempted them.
#[actix_web::test]
async fn services_without_a_policy_do_not_answer() {
    let folder = folder();
    let app = app!(folder, builder().build().unwrap());
    for (path, status) in [
        ("/static/site.css", 500),
        ("/static/none.css", 500),
        ("/docs/index.html", 500),
        // This is a default service; actix-web does not distinguish it from its own 404.
        ("/docs/api/x", 404),
        ("/x/raw", 500),
        ("/statics", 500),
        ("/anything", 500),
    ] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(status);
        assert!(!response.body.contains("nobody") && !response.body.contains("others"), "{path}: {response:?}");
    }
}

#[actix_web::test]
async fn exemption_opens_only_its_own_mount() {
    let folder = folder();
    let app = app!(folder, exempting("/static"));
    let file = call(&app, get_request("/static/site.css")).await;
    assert_eq!((file.status.as_u16(), file.body.as_str()), (200, "body {}"));
    file.assert_headers();
    for path in [
        "/docs/index.html",
        "/statics",
        "/static/raw",
        "/x/raw",
        "/anything",
        "/static/../anything",
        "/static/%2e%2e/anything",
        "/static%2f..%2fanything",
        "//static/site.css",
        "/STATIC/site.css",
        "/x/static/site.css",
        "/%73tatics",
    ] {
        let response = call(&app, get_request(path)).await;
        assert!(
            response.status.is_server_error() || response.status == 404 || response.status == 400,
            "{path}: {response:?}"
        );
        assert!(!response.body.contains("nobody"), "{path}: {response:?}");
        response.assert_headers();
    }
    call(&app, get_request("/api/admin")).await.assert_problem(401);
    call(&app, get_request("/static/../api/admin")).await.assert_headers();
}

#[actix_web::test]
async fn exempt_scope_includes_its_services() {
    let folder = folder();
    let app = app!(folder, exempting("/docs"));
    for path in ["/docs/index.html", "/docs/api/x"] {
        assert_eq!(call(&app, get_request(path)).await.status, 200, "{path}");
    }
    for path in ["/static/site.css", "/docs/raw", "/docsx/raw", "/anything"] {
        let response = call(&app, get_request(path)).await;
        assert!(!response.body.contains("body {}") && !response.body.contains("nobody"), "{path}: {response:?}");
    }
}

#[actix_web::test]
async fn path_parameter_does_not_match_an_exemption() {
    let inner = web::scope("/{tenant}").service(palisade::scope("/x").service(admin)).default_service(web::to(raw));
    let app = init_service(App::new().service(inner).wrap(exempting("/static"))).await;
    for path in ["/acme/private", "/static/private", "/%73tatic/private", "/static"] {
        let response = call(&app, get_request(path)).await;
        assert!(matches!(response.status.as_u16(), 404 | 500), "{path}: {response:?}");
        assert!(!response.body.contains("nobody"), "{path}: {response:?}");
    }
    let partly = init_service(App::new().service(web::resource("/sta{x}/y").to(raw)).wrap(exempting("/static"))).await;
    call(&partly, get_request("/static/y")).await.assert_problem(500);
}

#[test]
fn exemption_needs_a_mount_and_a_reason() {
    for (prefix, reason, expected) in [
        ("/", "everything", "must be the prefix of a mounted service"),
        ("", "everything", "must be the prefix of a mounted service"),
        ("static", "files", "must be the prefix of a mounted service"),
        ("/static/", "files", "must be the prefix of a mounted service"),
        ("/{any}", "files", "must be the prefix of a mounted service"),
        ("/static", " ", "needs a reason"),
    ] {
        let mistake = builder().allow_unguarded(prefix, reason).build().unwrap_err().to_string();
        assert!(mistake.starts_with("allow_unguarded ") && mistake.contains(expected), "{prefix}: {mistake}");
    }
    let table = exempting("/static").policies();
    assert_eq!(table.exemptions().collect::<Vec<_>>(), [("/static", "style sheets for everybody")]);
    assert!(table.to_text().contains("style sheets for everybody"));
}
