//! Failures count for each address and each email; the limits are reported and can be reset.

use std::net::SocketAddr;

use actix_web::test::{TestRequest, call_service, init_service};
use palisade::Principal;
use palisade::testing::AsPrincipal;

use super::*;

fn palisade() -> Palisade {
    configure(&TokenIssuer::hs256("https://rate-limits.example", "rate-limits", [7; 32]).unwrap()).unwrap()
}

fn login_from(from: u8, code: &str) -> TestRequest {
    let body = serde_json::json!({"email": "ann@example.org", "code": code});
    TestRequest::post().uri("/login").peer_addr(SocketAddr::from(([192, 0, 2, from], 1))).set_json(body)
}

#[actix_web::test]
async fn only_failures_use_up_the_login_limit() {
    let app = init_service(App::new().service(routes()).wrap(palisade())).await;
    for _ in 0..10 {
        assert_eq!(call_service(&app, login_from(1, "the right one").to_request()).await.status(), 200);
    }
    for _ in 0..5 {
        assert_eq!(call_service(&app, login_from(1, "guess").to_request()).await.status(), 401);
    }
    let rejected = call_service(&app, login_from(1, "the right one").to_request()).await;
    assert_eq!(rejected.status(), 429);
    assert!(rejected.headers().contains_key("retry-after"));
}

#[actix_web::test]
async fn support_resets_the_limit_of_an_email() {
    let app = init_service(App::new().service(routes()).wrap(palisade())).await;
    for guess in 0..20 {
        assert_eq!(call_service(&app, login_from(guess / 5, "guess").to_request()).await.status(), 401);
    }
    assert_eq!(call_service(&app, login_from(9, "the right one").to_request()).await.status(), 429);

    let support = Principal::new("Bearer", "https://issuer.example", "sue").with_roles(["support"]);
    let request_of_support =
        TestRequest::post().uri("/unlock/ann@example.org").peer_addr(SocketAddr::from(([192, 0, 2, 9], 1)));
    assert_eq!(call_service(&app, request_of_support.as_principal(support)).await.status(), 200);
    assert_eq!(call_service(&app, login_from(9, "the right one").to_request()).await.status(), 200);
}

#[actix_web::test]
async fn expensive_requests_take_more_units() {
    let app = init_service(App::new().service(routes()).wrap(palisade())).await;
    let request = || TestRequest::get().uri("/search/x").peer_addr(SocketAddr::from(([192, 0, 2, 3], 1))).to_request();
    for _ in 0..10 {
        assert_eq!(call_service(&app, request()).await.status(), 200);
    }
    assert_eq!(call_service(&app, request()).await.status(), 429);
}
