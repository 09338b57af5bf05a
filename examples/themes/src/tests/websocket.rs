//! A logout ends the connections of the session within a second.

use std::time::Instant;

use actix_web::test::{TestRequest, call_service, init_service, read_body};

use super::*;

#[actix_web::test]
async fn logout_ends_the_event_stream() {
    let (sessions, palisade) = configure(&[7; 32]).unwrap();
    let pair = sessions.begin(&Grant::new("alice", Duration::from_mins(15)).roles(["talker"])).await.unwrap();
    let sessions = Data::new(sessions);
    let app = init_service(App::new().app_data(sessions).service(routes()).wrap(palisade)).await;
    let with_token = |request: TestRequest| {
        request.insert_header(("authorization", format!("Bearer {}", pair.access_token()))).to_request()
    };
    let anonymous = call_service(&app, TestRequest::get().uri("/events").to_request()).await;
    assert_eq!(anonymous.status(), 401);
    let opened = call_service(&app, with_token(TestRequest::get().uri("/events"))).await;
    assert_eq!(opened.status(), 200);
    let body = rt::spawn(async move { (read_body(opened).await, Instant::now()) });
    rt::time::sleep(Duration::from_millis(1600)).await;
    assert!(!body.is_finished());
    let end = Instant::now();
    assert_eq!(call_service(&app, with_token(TestRequest::post().uri("/logout"))).await.status(), 200);
    let (read, closed) = body.await.unwrap();
    assert!(read.starts_with(b"data: tick\n\n"));
    assert!(closed.duration_since(end) <= Duration::from_secs(1));
}
