//! CWE-209: error pointers that do not exist in the input, or that reveal internal names, so that a client cannot
//! find its mistake. Each pointer resolves in the submitted document, or leads to the nearest existing place (RFC
//! 6901).

use std::collections::{BTreeMap, HashMap};

use actix_web::App;
use actix_web::test::init_service;
use actix_web::web::{Form, Json};
use palisade::{post, public, validate};
use palisade_tests::{call, palisade, post_request};
use serde::Deserialize;
use serde_json::{Value, json};
use validator::Validate;

#[derive(Deserialize, Validate)]
struct Item {
    #[validate(length(min = 1))]
    name: String,
}

#[derive(Deserialize, Validate)]
#[serde(rename_all = "camelCase")]
struct Order {
    #[validate(nested)]
    #[serde(default)]
    by_key: HashMap<String, Item>,
    #[validate(nested)]
    #[serde(default)]
    sorted: BTreeMap<String, Item>,
    #[validate(nested)]
    #[serde(default)]
    line_items: Vec<Item>,
    #[serde(flatten)]
    #[validate(nested)]
    extra: Option<Item>,
    #[validate(length(max = 3))]
    #[serde(default)]
    promo_code: String,
}

#[post("/items")]
#[public]
#[validate]
async fn add_items(items: Json<Vec<Item>>) -> String {
    items.iter().map(|item| item.name.as_str()).collect()
}

#[post("/order")]
#[public]
#[validate]
async fn place(order: Json<Order>) -> String {
    let Order { by_key, sorted, line_items, extra, promo_code } = order.into_inner();
    format!("{}{}{}{}{promo_code}", by_key.len(), sorted.len(), line_items.len(), extra.is_some())
}

#[post("/form")]
#[public]
#[validate]
async fn fill_in(item: Form<Item>) -> String {
    item.into_inner().name
}

#[actix_web::test]
async fn pointer_resolves_in_the_submitted_document() {
    let app = init_service(App::new().service(add_items).service(place).wrap(palisade())).await;
    for (path, body, pointer, value) in [
        ("/items", r#"[{"name":"a"},{"name":""}]"#, "/1/name", json!("")),
        ("/order", r#"{"byKey":{"k":{"name":""}}}"#, "/byKey/k/name", json!("")),
        ("/order", r#"{"sorted":{"a/b":{"name":""}}}"#, "/sorted/a~1b/name", json!("")),
        ("/order", r#"{"lineItems":[{"name":"x"},{"name":""}]}"#, "/lineItems/1/name", json!("")),
        ("/order", r#"{"name":""}"#, "/name", json!("")),
        ("/order", r#"{"promoCode":"long"}"#, "/promoCode", json!("long")),
        // `validator` does not tell which of the two entries is invalid. The rejected value does, if only one entry has it.
        ("/order", r#"{"byKey":{"k":{"name":""},"l":{"name":"x"}}}"#, "/byKey/k/name", json!("")),
        (
            "/order",
            r#"{"byKey":{"k":{"name":""},"l":{"name":""}}}"#,
            "/byKey",
            json!({"k":{"name":""},"l":{"name":""}}),
        ),
    ] {
        let response = call(&app, post_request(path, body)).await;
        response.assert_problem(422);
        let sent: Value = serde_json::from_str(body).unwrap();
        assert_eq!(response.json()["errors"][0]["pointer"], pointer, "{body}");
        assert_eq!(sent.pointer(pointer), Some(&value), "{body}");
    }
}

#[actix_web::test]
async fn form_error_names_its_field() {
    let app = init_service(App::new().service(fill_in).wrap(palisade())).await;
    let form = post_request("/form", "name=").insert_header(("content-type", "application/x-www-form-urlencoded"));
    let response = call(&app, form).await;
    response.assert_problem(422);
    assert_eq!(response.json()["errors"][0]["pointer"], "/name");
}
