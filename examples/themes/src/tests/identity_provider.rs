//! Tokens of both shapes are accepted, and their roles count; a token for another API is rejected.

use actix_web::test::{TestRequest, call_service, init_service, read_body};

use super::provider::Provider;
use super::*;

#[actix_web::test]
async fn roles_of_both_shapes_count() {
    let provider = Provider::start().unwrap();
    let app = init_service(App::new().service(routes()).wrap(configure(provider.base()).unwrap())).await;
    let get = |path: &str, token: &str| {
        TestRequest::get().uri(path).insert_header(("authorization", format!("Bearer {token}"))).to_request()
    };
    for (role, expected) in [("dispatcher", 200), ("guest", 403)] {
        for token in [provider.keycloak_token(role).unwrap(), provider.auth0_token(role).unwrap()] {
            assert_eq!(call_service(&app, get("/orders", &token)).await.status(), expected, "{role}");
        }
    }
    let token = provider.auth0_token("guest").unwrap();
    let body = read_body(call_service(&app, get("/me", &token)).await).await;
    assert_eq!(body, format!("auth0|4f7c of {}/", provider.base()));
    assert_eq!(call_service(&app, get("/orders", "no.token.atall")).await.status(), 401);
}
