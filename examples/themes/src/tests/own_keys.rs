//! A rotation rejects no token, and only an operator can cause it.

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use palisade::Jwt;
use palisade::jwt::KeySet;
use palisade::testing::ManualClock;

use super::*;

#[actix_web::test]
async fn rotation_rejects_no_token() {
    let clock = ManualClock::new();
    let issuer = issuer().unwrap().clock(&clock);
    let app = App::new().app_data(Data::new(issuer.clone())).service(routes());
    let app = init_service(app.wrap(configure(&issuer).unwrap())).await;
    let token = |role: &str| issuer.issue(&Grant::new("u-1", Duration::from_mins(15)).roles([role])).unwrap();
    let post = |token: &str| {
        let request = TestRequest::post().uri("/keys/rotation");
        request.insert_header(("authorization", format!("Bearer {token}"))).to_request()
    };
    let before = token("operator");
    assert_eq!(call_service(&app, post(&token("guest"))).await.status(), 403);
    let too_soon = call_service(&app, post(&before)).await;
    assert_eq!(
        (too_soon.status().as_u16(), too_soon.headers().get("retry-after").unwrap().as_bytes()),
        (503, b"300".as_slice())
    );

    clock.advance(Duration::from_mins(5));
    assert_eq!(call_service(&app, post(&before)).await.status(), 200);
    let response = call_service(&app, TestRequest::get().uri("/.well-known/jwks.json").to_request()).await;
    let keys = KeySet::from_jwks(read_body(response).await).unwrap();
    let other_service = Jwt::builder().clock(&clock).issuer(ISSUER).audience("orders-api").keys(keys).build().unwrap();
    for token in [before, token("guest")] {
        assert!(other_service.verify(&token).await.is_ok());
    }
}
