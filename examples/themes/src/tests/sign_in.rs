//! A page leads to the sign-in. A provider that is down is 503, and an answer that nobody asked for is 400.

use std::net::SocketAddr;

use actix_web::test::{TestRequest, call_service, init_service};

use super::*;

#[actix_web::test]
async fn page_leads_to_the_sign_in_and_forged_answers_are_rejected() {
    let (sign_in, revoked) =
        (configure("http://127.0.0.1:9", OAuthClient::public("me"), &[7; 32]).unwrap(), MemoryRevocations::new());
    let sessions = CookieSessions::new("http://localhost:3000", MemorySessions::new(), revoked.clone()).unwrap();
    let palisade = Palisade::builder().authenticator(sessions.clone()).routes(&routes()).build().unwrap();
    let app = App::new().app_data(Data::new(sign_in)).app_data(Data::new(sessions)).app_data(Data::new(revoked));
    let app = init_service(app.service(routes()).wrap(palisade)).await;
    for (path, status, location) in [
        ("/me", 303, "/login?return_to=%2Fme"),
        ("/sign-in?return_to=%2Fme", 503, ""),
        ("/sign-in/callback?code=c&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 400, ""),
    ] {
        let request = TestRequest::get().uri(path).peer_addr(SocketAddr::from(([192, 0, 2, 1], 1)));
        let response = call_service(&app, request.insert_header(("sec-fetch-mode", "navigate")).to_request()).await;
        let led_to = response.headers().get("location").map_or("", |value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), led_to), (status, location), "{path}");
    }
}
