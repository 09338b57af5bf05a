//! A login returns to the page that asked for it, and its session ends with a logout.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, call_service, init_service, read_body};

use super::*;

const FORM: &str = "name=alice&password=correct+horse+battery+staple&return_to=%2Fapp%2Fsessions%3Fa%3Db%26c%3Dd";

macro_rules! app {
    () => {{
        let (sessions, palisade) = configure().unwrap();
        let app = App::new().app_data(Data::new(sessions)).app_data(Data::new(Passwords::new().unwrap()));
        init_service(app.service(routes()).wrap(palisade)).await
    }};
}

fn from_browser(request: TestRequest, cookie: &str) -> actix_http::Request {
    let request = request.peer_addr(SocketAddr::from(([192, 0, 2, 1], 1))).insert_header(("user-agent", "Firefox"));
    request.insert_header(("sec-fetch-mode", "navigate")).insert_header(("cookie", cookie)).to_request()
}

async fn text<S, B>(app: &S, request: actix_http::Request) -> String
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    String::from_utf8(read_body(call_service(app, request).await).await.to_vec()).unwrap()
}

fn log_in(form: &str) -> TestRequest {
    let content = ("content-type", "application/x-www-form-urlencoded");
    TestRequest::post().uri("/login").insert_header(content).set_payload(form.to_owned())
}

#[actix_web::test]
async fn login_returns_to_the_page_that_asked_for_it() {
    let app = app!();
    let asked = call_service(&app, from_browser(TestRequest::get().uri("/app/sessions?a=b&c=d"), "")).await;
    let location = asked.headers().get("location").unwrap().to_str().unwrap().to_owned();
    assert_eq!((asked.status().as_u16(), &*location), (303, "/login?return_to=%2Fapp%2Fsessions%3Fa%3Db%26c%3Dd"));
    let page = text(&app, from_browser(TestRequest::get().uri(&location), "")).await;
    assert!(page.contains("value=\"/app/sessions?a=b&amp;c=d\""), "{page}");

    let wrong = call_service(&app, from_browser(log_in("name=alice&password=wrong"), "")).await;
    assert_eq!((wrong.status().as_u16(), wrong.headers().contains_key("set-cookie")), (401, false));
    let logged_in = call_service(&app, from_browser(log_in(FORM), "")).await;
    assert_eq!(logged_in.headers().get("location").unwrap(), "/app/sessions?a=b&c=d");
    let cookie = logged_in.headers().get("set-cookie").unwrap().to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let sessions = || from_browser(TestRequest::get().uri("/app/sessions"), &cookie);
    assert_eq!(text(&app, sessions()).await, "Firefox\n");

    let foreign = TestRequest::post().uri("/app/logout").insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(call_service(&app, from_browser(foreign, &cookie)).await.status(), 403);
    let ended = from_browser(TestRequest::post().uri("/app/logout"), &cookie);
    let ended = call_service(&app, ended).await;
    assert_eq!((ended.status().as_u16(), ended.headers().contains_key("clear-site-data")), (200, true));
    assert_eq!(call_service(&app, sessions()).await.status(), 303);
}

#[actix_web::test]
async fn login_never_leads_to_another_site() {
    let app = app!();
    let elsewhere = FORM.replace("%2Fapp", "%2F%2Fevil.example");
    let logged_in = call_service(&app, from_browser(log_in(&elsewhere), "")).await;
    assert_eq!(logged_in.headers().get("location").unwrap(), "/");
}
