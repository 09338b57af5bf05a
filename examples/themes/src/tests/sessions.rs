//! A session ends by a logout, and if a refresh token is reused.

use std::net::SocketAddr;

use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service};
use serde_json::{Value, json};

use super::*;

const PASSWORD: &str = "correct horse battery staple";

macro_rules! app {
    () => {{
        let (sessions, palisade) = configure(&[7; 32]).unwrap();
        let passwords = Passwords::new().unwrap();
        let app = App::new().app_data(Data::new(passwords)).app_data(Data::new(sessions));
        let app = app.service(routes()).wrap(palisade);
        init_service(app).await
    }};
}

fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path).peer_addr(SocketAddr::from(([192, 0, 2, 1], 1)))
}

fn log_in(name: &str, password: &str) -> TestRequest {
    post("/login").set_json(json!({"name": name, "password": password}))
}

fn with_token(request: TestRequest, tokens: &Value) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {}", tokens["access_token"].as_str().unwrap())))
}

fn refresh_with(tokens: &Value) -> TestRequest {
    post("/refresh").set_payload(tokens["refresh_token"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn logout_revokes_the_access_token() {
    let app = app!();
    for (name, password) in [("alice", "wrong"), ("bob", PASSWORD)] {
        assert_eq!(call_service(&app, log_in(name, password).to_request()).await.status(), 401, "{name}");
    }
    let tokens: Value = call_and_read_body_json(&app, log_in("alice", PASSWORD).to_request()).await;
    let log_out = || with_token(post("/logout"), &tokens).to_request();
    assert_eq!(call_service(&app, log_out()).await.status(), 200);
    assert_eq!(call_service(&app, log_out()).await.status(), 401);
    assert_eq!(call_service(&app, refresh_with(&tokens).to_request()).await.status(), 401);
}

#[actix_web::test]
async fn reused_refresh_token_ends_the_session() {
    let app = app!();
    let first: Value = call_and_read_body_json(&app, log_in("alice", PASSWORD).to_request()).await;
    let second: Value = call_and_read_body_json(&app, refresh_with(&first).to_request()).await;
    assert_eq!(call_service(&app, refresh_with(&first).to_request()).await.status(), 401);
    assert_eq!(call_service(&app, with_token(post("/logout"), &second).to_request()).await.status(), 401);
    assert_eq!(call_service(&app, refresh_with(&second).to_request()).await.status(), 401);
}
