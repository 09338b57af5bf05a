//! Each role reaches its own routes and those of the roles that it implies.

use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use palisade::Principal;
use palisade::testing::AsPrincipal;

use super::*;

#[actix_web::test]
async fn roles_reach_what_they_imply_and_grant() {
    let issuer = TokenIssuer::hs256("https://roles.example", "roles", [7; 32]).unwrap();
    let app = init_service(App::new().service(routes()).wrap(configure(&issuer).unwrap())).await;
    let requests = [
        (Method::GET, "/articles"),
        (Method::POST, "/articles"),
        (Method::POST, "/articles/1/publication"),
        (Method::DELETE, "/articles/1"),
    ];
    for (role, scopes, expected) in [
        ("admin", vec![], [200, 200, 200, 200]),
        ("editor", vec![], [200, 200, 403, 403]),
        ("editor", vec!["articles:publish"], [200, 200, 200, 403]),
        ("reader", vec!["articles:publish"], [200, 403, 403, 403]),
        ("unknown", vec![], [403, 403, 403, 403]),
    ] {
        for ((method, path), expected) in requests.iter().zip(expected) {
            let caller = Principal::new("Bearer", "https://roles.example", "alice");
            let caller = caller.with_roles([role]).with_scopes(scopes.clone());
            let request = TestRequest::with_uri(path).method(method.clone()).as_principal(caller);
            assert_eq!(call_service(&app, request).await.status(), expected, "{role} {scopes:?}: {method} {path}");
        }
    }
    let anonymous = TestRequest::get().uri("/articles").to_request();
    assert_eq!(call_service(&app, anonymous).await.status(), 401);
}
