//! A key works until it is deleted, and only for its scopes.

use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service, read_body};

use super::*;

fn with(request: TestRequest, key: &str) -> actix_http::Request {
    request.insert_header(("x-api-key", key)).to_request()
}

fn new_key(name: &'static str) -> TestRequest {
    TestRequest::post().uri("/keys").set_payload(name)
}

#[actix_web::test]
async fn keys_are_replaced_without_an_outage() {
    let keys = ApiKeys::new("acme", "https://api-keys.example", MemoryApiKeys::new()).unwrap();
    let manager = keys.create(NewApiKey::new("alice").scopes(["keys:manage"])).await.unwrap();
    let manager = manager.expose();
    let palisade = configure(&keys).unwrap();
    let app = init_service(App::new().app_data(Data::new(keys)).service(routes()).wrap(palisade)).await;
    let orders = || TestRequest::get().uri("/orders");

    // The key that manages keys does not have the scope `orders:read`.
    assert_eq!(call_service(&app, with(orders(), manager)).await.status(), 403);

    let created = call_service(&app, with(new_key("old"), manager)).await;
    let old = String::from_utf8(read_body(created).await.to_vec()).unwrap();
    let created = call_service(&app, with(new_key("new"), manager)).await;
    let new = String::from_utf8(read_body(created).await.to_vec()).unwrap();
    let listed: Vec<String> = call_and_read_body_json(&app, with(TestRequest::get().uri("/keys"), manager)).await;
    assert!(listed.iter().any(|key| key.ends_with(" new")), "{listed:?}");

    let id = old.split('_').nth(1).unwrap();
    assert_eq!(call_service(&app, with(orders(), &old)).await.status(), 200);
    let delete = TestRequest::delete().uri(&format!("/keys/{id}"));
    assert_eq!(read_body(call_service(&app, with(delete, manager)).await).await, "deleted: true");
    assert_eq!(call_service(&app, with(orders(), &old)).await.status(), 401);
    assert_eq!(call_service(&app, with(orders(), &new)).await.status(), 200);
}
