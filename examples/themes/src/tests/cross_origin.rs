//! What pages of other origins may read and do, with the cookie of a user.

use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};

use super::*;

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";

/// The status, and the origin that may read the response.
async fn ask(method: Method, path: &str, origin: &str, body: &'static str) -> (u16, String) {
    let issuer = TokenIssuer::hs256("https://cross-origin.example", "cross-origin", [7; 32]).unwrap();
    let token = issuer.issue(&Grant::new("alice", Duration::from_mins(15))).unwrap();
    let app = init_service(App::new().service(routes()).wrap(configure(&issuer).unwrap())).await;
    let request = TestRequest::with_uri(path).method(method).set_payload(body);
    let request = request.insert_header(("cookie", format!("session={token}"))).insert_header(("origin", origin));
    let response = call_service(&app, request.to_request()).await;
    let shared = response.headers().get("access-control-allow-origin");
    (response.status().as_u16(), shared.map_or("", |origin| origin.to_str().unwrap()).to_owned())
}

#[actix_web::test]
async fn each_route_has_one_rule() {
    for (path, origin, shared) in
        [("/prices", EVIL, "*"), ("/invoices", APP, ""), ("/invoices", PARTNER.as_str(), ""), ("/invoices", EVIL, "")]
    {
        assert_eq!(ask(Method::GET, path, origin, "").await, (200, shared.to_owned()), "{path} {origin}");
    }
}

#[actix_web::test]
async fn pages_act_only_where_their_origin_has_credentials() {
    for (path, origin, status) in [
        ("/notes", APP, 200),
        ("/notes", PARTNER.as_str(), 403),
        ("/notes", EVIL, 403),
        ("/notes", "null", 403),
        ("/orders", PARTNER.as_str(), 200),
        ("/orders", APP, 403),
    ] {
        assert_eq!(ask(Method::POST, path, origin, "a note").await.0, status, "{path} {origin}");
    }
}

#[actix_web::test]
async fn exemption_is_of_one_route() {
    assert_eq!(ask(Method::POST, "/paid", EVIL, "signature=right").await.0, 200);
    assert_eq!(ask(Method::POST, "/paid", EVIL, "signature=wrong").await.0, 403);
    let palisade = configure(&TokenIssuer::hs256("https://a.example", "b", [7; 32]).unwrap()).unwrap();
    let table = palisade.policies();
    assert_eq!(table.rows().iter().filter(|row| row.browser().contains("cross-site requests allowed")).count(), 1);
    assert_eq!(table.origins(), ["*", APP, PARTNER.as_str()]);
}
