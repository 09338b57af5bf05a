//! Each field is validated, whichever crate has its rule, and the errors have the language of the client.

use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service};
use serde_json::{Value, json};

use super::*;

#[actix_web::test]
async fn invalid_fields_are_named() {
    let palisade = Palisade::builder().input_messages(in_german).routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    let post = |path: &str, body: Value| {
        TestRequest::post().uri(path).insert_header(("accept-language", "de")).set_json(body).to_request()
    };
    let offer = |price: u32, name: &str| post("/offers", json!({"price": price, "seller": {"name": name}}));
    let review = |stars: u8| post("/offers/1/reviews", json!({"stars": stars, "text": "good"}));

    assert_eq!(call_service(&app, offer(100, "Ada")).await.status(), 200);
    assert_eq!(call_service(&app, review(5)).await.status(), 200);
    for (request, errors) in [
        (
            offer(101, ""),
            json!([
                {"pointer": "/price", "code": "too_expensive", "detail": "Der Preis ist zu hoch."},
                {"pointer": "/seller/name", "code": "length", "detail": "The length must be from 1 to 200.",
                    "params": {"max": 200, "min": 1}},
            ]),
        ),
        (
            review(6),
            json!([{"pointer": "/stars", "code": "range", "detail": "The value must be at most 5.", "params": {"max": 5}}]),
        ),
    ] {
        let problem: Value = call_and_read_body_json(&app, request).await;
        assert_eq!((&problem["status"], &problem["errors"]), (&json!(422), &errors));
    }
}
