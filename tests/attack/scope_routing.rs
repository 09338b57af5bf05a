//! CWE-863: guards and methods decide which route gets a request, among templates that match the same path. None of them gets a
//! request past its policy.

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Data;
use actix_web::{App, HttpRequest, guard};
use palisade::{authenticated, get, post, public};
use palisade_tests::{bearer, call, get_request, palisade, request};

macro_rules! app {
    ($scope:expr) => {
        init_service(App::new().service($scope).wrap(palisade())).await
    };
}

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

fn as_alice(path: &str) -> actix_web::test::TestRequest {
    get_request(path).insert_header(("authorization", bearer("alice", &[])))
}

#[actix_web::test]
async fn a_guard_passes_a_request_on_to_the_next_scope() {
    let intranet = || guard::fn_guard(|context| context.head().headers().contains_key("x-intranet"));
    let nameless = palisade::scope("").guard(intranet()).service(me).service(palisade::scope("/deep").service(me));
    let scope = palisade::scope("/s")
        .service(palisade::scope("/users").guard(intranet()).service(me))
        .service(palisade::scope("/users").service(open))
        .service(nameless)
        .service(palisade::scope("/deep").service(open));
    assert_eq!(scope.verify(), Ok(()));
    let app = app!(scope);
    let inside = |path: &str| as_alice(path).insert_header(("x-intranet", "1"));
    for path in ["/s/users/me", "/s/me", "/s/deep/me"] {
        assert_eq!(call(&app, inside(path)).await.body, "me", "{path}");
        call(&app, as_alice(path)).await.assert_problem(404);
    }
    for path in ["/s/users/open", "/s/deep/open"] {
        assert_eq!(call(&app, get_request(path)).await.body, "open", "{path}");
        call(&app, inside(path)).await.assert_problem(404);
    }
}

#[actix_web::test]
async fn a_guard_at_the_root_passes_a_request_on() {
    let chosen = guard::Header("x-chosen", "1");
    let app = App::new()
        .service(palisade::scope("/s").guard(chosen).service(me))
        .service(palisade::scope("").guard(guard::Header("x-chosen", "2")).service(show_name))
        .service(palisade::scope("/s").service(open))
        .app_data(Data::new("outside".to_owned()));
    let app = init_service(app.wrap(palisade())).await;
    assert_eq!(call(&app, as_alice("/s/me").insert_header(("x-chosen", "1"))).await.body, "me");
    assert_eq!(call(&app, get_request("/s/open")).await.body, "open");
    assert_eq!(call(&app, get_request("/name").insert_header(("x-chosen", "2"))).await.body, "outside");
    call(&app, get_request("/name")).await.assert_problem(404);
}

/// Nothing tells a client whether a path exists behind a guard, also in the first request of a worker.
#[actix_web::test]
async fn a_request_that_guards_reject_is_404_from_the_first_one_on() {
    let never = || guard::fn_guard(|_| false);
    let nameless = || palisade::scope("").guard(never()).service(me).service(palisade::scope("/deep").service(open));
    for scope in [
        palisade::scope("/s").guard(never()).service(me).service(palisade::scope("/deep").service(open)),
        palisade::scope("/s").service(nameless()),
        nameless(),
    ] {
        let app = app!(scope);
        for path in ["/s/me", "/s/deep/open", "/s/none", "/me", "/deep/open", "/none"] {
            call(&app, as_alice(path)).await.assert_problem(404);
        }
    }
}

#[post("/users/fixed")]
#[public]
async fn make_fixed() -> &'static str {
    "made fixed"
}

#[get("/users/{id}")]
#[public]
async fn show(request: HttpRequest) -> String {
    format!("show {:?}", request.match_pattern().unwrap())
}

#[palisade::delete("/users/{user}")]
#[public]
async fn delete(request: HttpRequest) -> String {
    format!("delete {:?}", request.match_pattern().unwrap())
}

/// The routes of several templates that match one path may serve different methods, in a scope and in the router of the application.
#[actix_web::test]
async fn templates_of_one_path_share_its_methods() {
    for prefix in ["/s", ""] {
        let scope = || palisade::scope(prefix).service(show).service(make_fixed).service(delete);
        assert_eq!(scope().verify(), Ok(()));
        let app = app!(scope());
        for (method, path, expected) in [
            (Method::GET, "/users/fixed", format!("show \"{prefix}/users/{{id}}\"")),
            (Method::POST, "/users/fixed", "made fixed".to_owned()),
            (Method::DELETE, "/users/fixed", format!("delete \"{prefix}/users/{{user}}\"")),
            (Method::DELETE, "/users/7", format!("delete \"{prefix}/users/{{user}}\"")),
        ] {
            let response = call(&app, request(method.clone(), &format!("{prefix}{path}"))).await;
            assert_eq!(response.body, expected, "{method} {path}");
        }
        for (path, allow) in [("/users/fixed", "DELETE, GET, HEAD, POST"), ("/users/7", "DELETE, GET, HEAD")] {
            let response = call(&app, request(Method::PUT, &format!("{prefix}{path}"))).await;
            response.assert_problem(405);
            assert_eq!(response.header("allow"), allow, "{prefix}{path}");
        }
    }
}

/// The scopes are in a scope of actix-web, which took its part of the path.
#[actix_web::test]
async fn templates_of_one_path_share_its_methods_inside_of_a_scope_of_actix_web() {
    for prefix in ["/s", ""] {
        let scope = palisade::scope(prefix).service(show).service(make_fixed).service(delete);
        let app =
            init_service(App::new().service(actix_web::web::scope("/outer").service(scope)).wrap(palisade())).await;
        let path = format!("/outer{prefix}/users/fixed");
        assert_eq!(call(&app, request(Method::POST, &path)).await.body, "made fixed");
        let response = call(&app, request(Method::PUT, &path)).await;
        response.assert_problem(405);
        assert_eq!(response.header("allow"), "DELETE, GET, HEAD, POST", "{path}");
        call(&app, request(Method::PUT, &format!("/outer{prefix}/nowhere"))).await.assert_problem(404);
    }
}

#[get("/choice", guard = "green")]
#[public]
async fn green_choice() -> &'static str {
    "green"
}

#[get("/choice")]
#[public]
async fn other_choice() -> &'static str {
    "other"
}

fn green(context: &guard::GuardContext<'_>) -> bool {
    context.head().headers().contains_key("x-green")
}

#[actix_web::test]
async fn the_guard_of_a_route_passes_a_request_on() {
    for prefix in ["/s", ""] {
        let scope = || palisade::scope(prefix).service(green_choice).service(other_choice);
        assert_eq!(scope().verify(), Ok(()));
        let app = app!(scope());
        let path = format!("{prefix}/choice");
        assert_eq!(call(&app, get_request(&path)).await.body, "other");
        assert_eq!(call(&app, get_request(&path).insert_header(("x-green", "1"))).await.body, "green");
    }
    let alone = app!(palisade::scope("/s").service(green_choice));
    call(&alone, get_request("/s/choice")).await.assert_problem(404);
    call(&alone, request(Method::POST, "/s/choice")).await.assert_problem(405);
}
