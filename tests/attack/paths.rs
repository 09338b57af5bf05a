//! A path that two parsers read differently (CWE-22, CWE-436; OWASP API5): rules belong to handlers, never to the
//! text of a path.

use actix_web::guard::GuardContext;
use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, HttpResponse};
use palisade::{get, head, owner_or_admin, public, require_role};
use palisade_tests::{bearer, call, get_request, palisade, request};

#[get("/admin/x")]
#[require_role("admin")]
async fn admin() -> &'static str {
    "the secret of the admin"
}

#[get("/users/{id}")]
#[owner_or_admin(id)]
async fn show(id: Path<String>) -> String {
    format!("the data of {id}")
}

macro_rules! app {
    () => {
        init_service(App::new().service(palisade::scope("/api").service(admin).service(show)).wrap(palisade())).await
    };
}

#[actix_web::test]
async fn no_path_spelling_bypasses_the_rule() {
    let app = app!();
    for path in [
        "/api/admin/x",
        "/api/%61dmin/x",
        "/api/ADMIN/x",
        "/api//admin/x",
        "/api/admin//x",
        "/api/./admin/x",
        "/api/users/../admin/x",
        "/api/admin/x/",
        "/api/admin/x;x",
        "/api/admin/x%3bx",
        "/api/admin/x%0a",
        "/api/admin/x%00",
        "/api/admin%2fx",
        "/api/admin/x%2f",
        "/api/%2e/admin/x",
        "/api/admin/%78",
        "/api/admin/x%20",
        "/api/admin/x?x=/public",
        "/api/admin/x%ff",
        "/api/%2561dmin/x",
    ] {
        for token in ["", &bearer("mallory", &["user"])] {
            let mut request = get_request(path);
            if !token.is_empty() {
                request = request.insert_header(("authorization", token));
            }
            let response = call(&app, request).await;
            assert!(matches!(response.status.as_u16(), 400 | 401 | 403 | 404), "{path}: {response:?}");
            assert!(!response.body.contains("secret"), "{path}: {response:?}");
            response.assert_headers();
        }
    }
}

#[actix_web::test]
async fn no_id_spelling_reaches_another_owner() {
    let app = app!();
    let mallory = || bearer("mallory", &["user"]);
    for id in [
        "alice",
        "%61lice",
        "ALICE",
        "alice%20",
        "mallory%2f..%2falice",
        "mallory;alice",
        "alice%00mallory",
        "mallory%0a",
        "%6dallory%2e",
    ] {
        let request = get_request(&format!("/api/users/{id}")).insert_header(("authorization", mallory()));
        let response = call(&app, request).await;
        assert!(matches!(response.status.as_u16(), 400 | 403 | 404), "{id}: {response:?}");
        assert!(!response.body.contains("data of"), "{id}: {response:?}");
    }
    // The caller's own id in another spelling still belongs to the caller.
    let own = get_request("/api/users/%6dallory").insert_header(("authorization", mallory()));
    assert_eq!(call(&app, own).await.body, "the data of mallory");
}

#[actix_web::test]
async fn rule_and_handler_see_the_same_id() {
    // The router leaves `%2F` in the parameter and the extractor decodes it, so a caller named `a%2Fb` does not own
    // `a/b`.
    let app = app!();
    let literal = get_request("/api/users/a%2Fb").insert_header(("authorization", bearer("a%2Fb", &[])));
    call(&app, literal).await.assert_problem(403);
    let decoded = get_request("/api/users/a%2Fb").insert_header(("authorization", bearer("a/b", &[])));
    assert_eq!(call(&app, decoded).await.body, "the data of a/b");
}

#[actix_web::test]
async fn headers_cannot_fake_a_check_or_identity() {
    let app = app!();
    for (name, value) in [
        ("x-palisade", "checked"),
        ("x-guarded", "true"),
        ("x-authenticated", "1"),
        ("x-user", "alice"),
        ("x-remote-user", "alice"),
        ("x-forwarded-user", "alice"),
        ("x-role", "admin"),
        ("x-http-method-override", "GET"),
        ("x-original-url", "/health"),
        ("x-rewrite-url", "/health"),
        ("forwarded", "for=127.0.0.1;proto=https;by=palisade"),
        ("cookie", "principal=alice; role=admin"),
    ] {
        call(&app, get_request("/api/admin/x").insert_header((name, value))).await.assert_problem(401);
        let disguised = get_request("/api/admin/x").insert_header((name, value));
        call(&app, disguised.insert_header(("authorization", bearer("mallory", &[])))).await.assert_problem(403);
    }
}

#[actix_web::test]
async fn two_authorization_headers_are_rejected() {
    let app = app!();
    let twice = get_request("/api/users/alice")
        .append_header(("authorization", bearer("alice", &[])))
        .append_header(("authorization", bearer("mallory", &[])));
    call(&app, twice).await.assert_problem(400);
}

#[actix_web::test]
async fn wrong_method_is_405_and_get_answers_head() {
    let app = app!();
    let auth = ("authorization", bearer("root", &["admin"]));
    assert_eq!(call(&app, request(Method::HEAD, "/api/admin/x").insert_header(auth)).await.status, 200);
    call(&app, request(Method::HEAD, "/api/admin/x")).await.assert_problem(401);
    for method in [Method::POST, Method::DELETE, Method::TRACE, Method::OPTIONS, Method::from_bytes(b"GETS").unwrap()] {
        let response = call(&app, request(method, "/api/admin/x")).await;
        response.assert_problem(405);
        assert_eq!(response.header("allow"), "GET, HEAD");
    }
}

#[head("/both")]
#[require_role("admin")]
async fn head_of_both() -> HttpResponse {
    HttpResponse::Ok().insert_header(("x-served-by", "head")).finish()
}

#[get("/both", guard = "only_green")]
#[public]
async fn get_of_both() -> HttpResponse {
    HttpResponse::Ok().insert_header(("x-served-by", "get")).finish()
}

fn only_green(context: &GuardContext<'_>) -> bool {
    context.head().headers.get("x-colour").is_some_and(|value| value == "green")
}

#[actix_web::test]
async fn explicit_head_endpoint_precedes_get() {
    let scope = palisade::scope("/api").service(get_of_both).service(head_of_both);
    let app = init_service(App::new().service(scope).wrap(palisade())).await;
    let green = ("x-colour", "green");
    // The stricter of the two endpoints decides, although the other one also serves HEAD.
    call(&app, request(Method::HEAD, "/api/both").insert_header(green)).await.assert_problem(401);
    let got = call(&app, get_request("/api/both").insert_header(green)).await;
    assert_eq!(got.header("x-served-by"), "get");
    // The method is known and only the endpoint's guard rejects the request, so this is not a 405.
    call(&app, get_request("/api/both")).await.assert_problem(404);
    let response = call(&app, request(Method::PUT, "/api/both").insert_header(green)).await;
    response.assert_problem(405);
    assert_eq!(response.header("allow"), "GET, HEAD");
}

#[get("/numbers/{number}")]
#[public]
async fn number(number: Path<u8>) -> String {
    number.to_string()
}

#[actix_web::test]
async fn unmatched_path_is_a_404_problem() {
    let app = init_service(App::new().service(number).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/numbers/7")).await.body, "7");
    for path in ["/numbers/seven", "/numbers/256", "/numbers/-1", "/numbers/7%2F8"] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(404);
        assert_eq!(response.json()["detail"], "The resource does not exist.");
    }
}
