//! Tokens of both shapes and opaque ones are accepted, and their roles count; unknown ones are rejected.

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
        let opaque = provider.opaque_token(role, "pwd").unwrap();
        for token in [provider.keycloak_token(role).unwrap(), provider.auth0_token(role).unwrap(), opaque] {
            assert_eq!(call_service(&app, get("/orders", &token)).await.status(), expected, "{role}");
        }
    }
    let token = provider.auth0_token("guest").unwrap();
    let body = read_body(call_service(&app, get("/me", &token)).await).await;
    assert_eq!(body, format!("auth0|4f7c of {}/", provider.base()));
    for unknown in ["no.token.atall", "unknown"] {
        assert_eq!(call_service(&app, get("/orders", unknown)).await.status(), 401, "{unknown}");
    }
}

#[actix_web::test]
async fn order_is_cancelled_only_after_a_strong_and_recent_login() {
    let provider = Provider::start().unwrap();
    let app = init_service(App::new().service(routes()).wrap(configure(provider.base()).unwrap())).await;
    let cancel = |token: &str| {
        let request =
            TestRequest::delete().uri("/orders/7").insert_header(("authorization", format!("Bearer {token}")));
        request.to_request()
    };
    for weak in [provider.keycloak_token("dispatcher").unwrap(), provider.opaque_token("dispatcher", "pwd").unwrap()] {
        let refused = call_service(&app, cancel(&weak)).await;
        let challenge = refused.headers().get("www-authenticate").unwrap().to_str().unwrap();
        assert_eq!(refused.status(), 401);
        for part in ["error=\"insufficient_user_authentication\"", "acr_values=\"phr\"", "max_age=\"300\""] {
            assert!(challenge.contains(part), "{challenge}");
        }
    }
    let strong = provider.opaque_token("dispatcher", "phr").unwrap();
    assert_eq!(call_service(&app, cancel(&strong)).await.status(), 200);
}
