//! A slow handler is stopped, a full one rejects, and a foreign host reaches nothing.

use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use futures_util::future::join_all;

use super::*;

fn request(path: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header(("host", "localhost:3000"))
}

#[actix_web::test]
async fn a_slow_report_is_stopped() {
    let app = init_service(App::new().service(routes()).wrap(configure().unwrap())).await;
    assert_eq!(call_service(&app, request("/reports/quick").to_request()).await.status(), 200);
    let late = call_service(&app, request("/reports/slow").to_request()).await;
    assert_eq!(late.status(), 503);
    assert!(late.headers().contains_key("retry-after"));
}

#[actix_web::test]
async fn a_third_import_finds_no_place() {
    let app = init_service(App::new().service(routes()).wrap(configure().unwrap())).await;
    let send = || async {
        let sent = request("/imports").method(Method::POST).set_payload("rows").to_request();
        call_service(&app, sent).await.status().as_u16()
    };
    let mut statuses = join_all([send(), send(), send()]).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503]);
    assert_eq!(send().await, 200, "the places are free again");
}

#[actix_web::test]
async fn a_foreign_host_reaches_nothing() {
    let app = init_service(App::new().service(routes()).wrap(configure().unwrap())).await;
    for (host, status) in [("evil.example", 421), ("localhost.evil.example", 421), ("user@localhost", 400)] {
        let foreign = TestRequest::with_uri("/reports/quick").insert_header(("host", host)).to_request();
        assert_eq!(call_service(&app, foreign).await.status(), status, "{host}");
    }
}

#[test]
fn the_table_shows_the_limits() {
    let table = configure().unwrap().policies();
    let limits: Vec<String> = table.rows().iter().map(|row| row.call_limits()).collect();
    let expected = [
        "timeout 5s (scope /reports); 16 at once (scope /reports); 512 at once (application)",
        "timeout 500ms; 16 at once (scope /reports); 512 at once (application)",
        "timeout 30s (application); 2 at once; 512 at once (application)",
    ];
    assert_eq!(limits, expected);
}
