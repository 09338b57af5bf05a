//! Handlers that no policy protects (CWE-862, CWE-1188; ASVS V8.2.1, V16.5.3): requests to them are rejected and
//! logged.

use actix_web::test::init_service;
use actix_web::web::Path;
use actix_web::{App, HttpResponse, web};
use palisade::{Jwt, Palisade, Principal, authenticated, get, owner, public, require_role};
use palisade_tests::inside::Inside;
use palisade_tests::{bearer, call, get_request, palisade, request};

#[get("/open")]
#[public("everybody may read it")]
async fn open() -> &'static str {
    "open"
}

#[get("/me")]
#[authenticated]
async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

async fn raw() -> &'static str {
    "nobody guards this"
}

#[actix_web::test]
async fn app_without_middleware_rejects_every_route() {
    let app = init_service(App::new().service(palisade::scope("/api").service(open).service(me)).service(me)).await;
    for path in ["/api/open", "/api/me", "/me"] {
        let response = call(&app, get_request(path).insert_header(("authorization", bearer("alice", &[])))).await;
        response.assert_problem(500);
    }
}

#[actix_web::test]
async fn authenticated_route_without_authenticator_is_500() {
    let palisade = Palisade::builder().build().unwrap();
    let app = init_service(App::new().service(open).service(me).wrap(palisade)).await;
    call(&app, get_request("/me").insert_header(("authorization", bearer("alice", &[])))).await.assert_problem(500);
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
}

#[actix_web::test]
async fn unguarded_handler_beside_guarded_ones_is_rejected() {
    let app = init_service(
        App::new()
            .service(open)
            .service(web::resource("/raw").route(web::get().to(raw)))
            .service(web::resource("/gone").to(|| async { HttpResponse::NotFound().body("nobody guards this") }))
            .default_service(web::to(raw))
            .wrap(palisade()),
    )
    .await;
    // actix-web does not distinguish a default service from its own 404.
    for (path, status) in [("/raw", 500), ("/gone", 500), ("/anything", 404), ("/raw/../open", 404)] {
        let response = call(&app, get_request(path)).await;
        response.assert_problem(status);
        assert!(!response.body.contains("nobody"), "{response:?}");
    }
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
}

#[actix_web::test]
async fn public_route_ignores_bad_credentials() {
    let app = init_service(App::new().service(open).wrap(palisade())).await;
    for token in ["Bearer nonsense", "Basic eA==", "", "Bearer"] {
        assert_eq!(call(&app, get_request("/open").insert_header(("authorization", token))).await.body, "open");
    }
}

#[actix_web::test]
async fn stricter_route_keeps_its_rule_beside_public() {
    let app = init_service(App::new().service(palisade::scope("/x").service(open).service(me)).wrap(palisade())).await;
    call(&app, get_request("/x/me")).await.assert_problem(401);
    assert_eq!(call(&app, get_request("/x/open")).await.status, 200);
}

#[authenticated]
#[owner(id)]
#[require_role("editor")]
async fn all_of_them(id: Path<String>) -> String {
    id.into_inner()
}

#[actix_web::test]
async fn all_access_attributes_are_required() {
    let routed = web::resource("/docs/{id}").route(web::get().to(all_of_them));
    let app = init_service(App::new().service(routed).wrap(palisade())).await;
    let request_as = |subject: &str, roles: &[&str]| {
        get_request("/docs/alice").insert_header(("authorization", bearer(subject, roles)))
    };
    call(&app, get_request("/docs/alice")).await.assert_problem(401);
    call(&app, request_as("alice", &["user"])).await.assert_problem(403);
    call(&app, request_as("mallory", &["editor"])).await.assert_problem(403);
    assert_eq!(call(&app, request_as("alice", &["editor"])).await.body, "alice");
}

#[owner(missing)]
async fn of_an_unknown_parameter() -> &'static str {
    "never"
}

#[actix_web::test]
async fn missing_owner_parameter_is_500() {
    let routed = web::resource("/docs/{id}").route(web::get().to(of_an_unknown_parameter));
    let app = init_service(App::new().service(routed).wrap(palisade())).await;
    call(&app, get_request("/docs/alice").insert_header(("authorization", bearer("alice", &["admin"]))))
        .await
        .assert_problem(500);
}

#[get("/who")]
#[public]
async fn who(principal: Inside<Principal>) -> String {
    principal.0.subject().to_owned()
}

#[actix_web::test]
async fn principal_extractor_on_public_route_is_500() {
    let app = init_service(App::new().service(who).wrap(palisade())).await;
    call(&app, get_request("/who").insert_header(("authorization", bearer("alice", &[])))).await.assert_problem(500);
}

#[test]
fn invalid_settings_are_config_errors() {
    assert!(Jwt::hs256("issuer", "audience", b"31 bytes are one too few for it").is_err());
    assert!(Jwt::hs256("", "audience", [7; 32]).is_err());
    assert!(Jwt::hs256("issuer", "", [7; 32]).is_err());
    assert!(Palisade::builder().realm("a\"b").build().is_err());
    let mistake = Palisade::builder().trusted_proxies(["10.0.0.0/33"]).build().unwrap_err();
    assert_eq!(mistake.setting(), "trusted_proxies");
}

#[actix_web::test]
async fn two_methods_on_one_path_are_separate() {
    #[palisade::delete("/open")]
    #[require_role("admin")]
    async fn close() -> &'static str {
        "closed"
    }
    let app = init_service(App::new().service(open).service(close).wrap(palisade())).await;
    assert_eq!(call(&app, get_request("/open")).await.body, "open");
    call(&app, request(actix_web::http::Method::DELETE, "/open")).await.assert_problem(401);
    let admin =
        request(actix_web::http::Method::DELETE, "/open").insert_header(("authorization", bearer("r", &["admin"])));
    assert_eq!(call(&app, admin).await.body, "closed");
}

#[actix_web::test]
#[should_panic(expected = "both serve GET /s/open")]
async fn duplicate_route_in_a_scope_stops_the_start() {
    #[get("/open")]
    #[authenticated]
    async fn shadowed() -> &'static str {
        "never reached"
    }
    let _ =
        init_service(App::new().service(palisade::scope("/s").service(open).service(shadowed)).wrap(palisade())).await;
}

#[get("/users/{id}")]
#[owner(id)]
async fn by_id(id: Path<String>) -> String {
    id.into_inner()
}

#[get("/users/{user}")]
#[require_role("admin")]
async fn by_user(user: Path<String>) -> String {
    user.into_inner()
}

#[actix_web::test]
#[should_panic(expected = "match the same paths, and both serve GET")]
async fn same_path_with_other_parameter_stops_the_start() {
    let _ =
        init_service(App::new().service(palisade::scope("/s").service(by_id).service(by_user)).wrap(palisade())).await;
}

#[actix_web::test]
#[should_panic(expected = "both have a parameter `id`")]
async fn duplicate_parameter_in_scope_and_route_stops_start() {
    let _ = init_service(App::new().service(palisade::scope("/of/{id}").service(by_id)).wrap(palisade())).await;
}

#[actix_web::test]
async fn ambiguous_owner_parameter_is_500() {
    let nested = web::scope("/of/{id}").service(by_id);
    let app = init_service(App::new().service(nested).wrap(palisade())).await;
    for path in ["/of/alice/users/bob", "/of/bob/users/alice", "/of/alice/users/alice"] {
        call(&app, get_request(path).insert_header(("authorization", bearer("alice", &[])))).await.assert_problem(500);
    }
}

#[get("/taken")]
#[public]
async fn taken() -> Result<&'static str, palisade::Problem> {
    Err(palisade::Problem::new(actix_web::http::StatusCode::CONFLICT).with_detail("It is taken."))
}

#[actix_web::test]
async fn handler_can_return_a_problem() {
    let app = init_service(App::new().service(taken).wrap(palisade())).await;
    let response = call(&app, get_request("/taken")).await;
    response.assert_problem(409);
    assert_eq!(response.json()["detail"], "It is taken.");
}
