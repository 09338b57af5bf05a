//! CWE-20: rules that depend on data of the application and do not run without it. A missing context is a defect of the application:
//! 500, and a line in the log that says what to add.

use actix_web::test::init_service;
use actix_web::web::{Data, Json, Path};
use actix_web::{App, web};
use palisade::{post, public, validate};
use palisade_tests::log::Log;
use palisade_tests::{TestResponse, call, palisade, post_request};
use serde::Deserialize;
use validator::{Validate, ValidationError};

/// Data of the application: the largest price.
struct Prices(u32);

/// Another one: which cities there are.
struct Cities(Vec<&'static str>);

#[derive(Deserialize, Validate)]
#[validate(context = Prices)]
struct Offer {
    #[validate(custom(function = affordable, use_context))]
    price: u32,
    #[validate(length(min = 1))]
    name: String,
    #[validate(custom(function = not_reserved))]
    #[serde(default)]
    owner: String,
}

fn affordable(price: u32, prices: &Prices) -> Result<(), ValidationError> {
    if price <= prices.0 { Ok(()) } else { Err(ValidationError::new("too_expensive")) }
}

fn not_reserved(owner: &str) -> Result<(), ValidationError> {
    if owner == "root" {
        Err(ValidationError::new("reserved").with_message("This name is reserved.".into()))
    } else {
        Ok(())
    }
}

#[derive(Deserialize, garde::Validate)]
#[garde(context(Cities as cities))]
struct Address {
    #[garde(custom(|city: &String, _| {
        if cities.0.contains(&city.as_str()) { Ok(()) } else { Err(garde::Error::new("This city is unknown.")) }
    }))]
    city: String,
}

#[derive(Deserialize, garde::Validate)]
#[garde(context(Cities))]
struct Order {
    #[garde(dive)]
    addresses: Vec<Address>,
}

#[post("/offers")]
#[public]
#[validate]
async fn offer(offer: Json<Offer>) -> String {
    format!("{} {} {}", offer.price, offer.name, offer.owner)
}

#[post("/lists")]
#[public]
#[validate]
async fn offers(offers: Json<Vec<Offer>>) -> String {
    offers.len().to_string()
}

#[post("/named/{price}/{name}")]
#[public]
#[validate(path)]
async fn named(path: Path<Offer>) -> String {
    path.name.clone()
}

#[post("/orders")]
#[public]
#[validate]
async fn order(order: Json<Order>) -> String {
    order.addresses.iter().map(|address| address.city.as_str()).collect()
}

fn errors(response: &TestResponse) -> Vec<String> {
    response.assert_problem(422);
    let json = response.json();
    let errors = json["errors"].as_array().unwrap();
    let text = |error: &serde_json::Value, member: &str| error[member].as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| {
            let place = if error["pointer"].is_string() { text(error, "pointer") } else { text(error, "parameter") };
            format!("{place} {} {}", text(error, "code"), text(error, "detail"))
        })
        .collect()
}

fn routes() -> palisade::Scope {
    palisade::scope("").service(offer).service(offers).service(named).service(order)
}

#[actix_web::test]
async fn rules_get_their_context() {
    // One context is the value itself, the other one is `web::Data`.
    let app =
        App::new().app_data(Prices(100)).app_data(Data::new(Cities(vec!["Ulm"]))).service(routes()).wrap(palisade());
    let app = init_service(app).await;
    let too_expensive = "too_expensive Does not meet the requirements of this field.";
    let sound = r#"{"price":100,"name":"x"}"#;
    let wrong = r#"{"price":101,"name":"","owner":"root"}"#;
    assert_eq!(call(&app, post_request("/offers", sound)).await.body, "100 x ");
    let found = errors(&call(&app, post_request("/offers", wrong)).await);
    let rest = ["/name length The length must be at least 1.", "/owner reserved This name is reserved."];
    assert_eq!(found, [rest[0], rest[1], &format!("/price {too_expensive}")]);

    assert_eq!(call(&app, post_request("/lists", &format!("[{sound},{sound}]"))).await.body, "2");
    let found = errors(&call(&app, post_request("/lists", &format!("[{sound},{wrong}]"))).await);
    assert_eq!(found, [format!("/1{}", rest[0]), format!("/1{}", rest[1]), format!("/1/price {too_expensive}")]);

    assert_eq!(call(&app, post_request("/named/100/x", "")).await.body, "x");
    assert_eq!(errors(&call(&app, post_request("/named/101/x", "")).await), [format!("price {too_expensive}")]);

    let cities = |city: &str| format!(r#"{{"addresses":[{{"city":"Ulm"}},{{"city":"{city}"}}]}}"#);
    assert_eq!(call(&app, post_request("/orders", &cities("Ulm"))).await.body, "UlmUlm");
    let found = errors(&call(&app, post_request("/orders", &cities("Atlantis"))).await);
    assert_eq!(found, ["/addresses/1/city invalid This city is unknown."]);
}

#[actix_web::test]
async fn missing_context_is_500_and_the_log_says_what_to_add() {
    let (log, _guard) = Log::start();
    let app = init_service(App::new().app_data(web::JsonConfig::default()).service(routes()).wrap(palisade())).await;
    for (path, body, context) in [
        ("/offers", r#"{"price":1,"name":"x"}"#, "Prices"),
        ("/lists", r#"[{"price":1,"name":"x"}]"#, "Prices"),
        ("/named/1/x", "", "Prices"),
        ("/orders", r#"{"addresses":[{"city":"Ulm"}]}"#, "Cities"),
    ] {
        let response = call(&app, post_request(path, body)).await;
        response.assert_problem(500);
        assert!(!response.body.contains(context), "{path} {response:?}");
        let text = log.take().join("\n");
        assert!(
            text.contains("misconfigured") && text.contains(context) && text.contains(".app_data("),
            "{path} {text}"
        );
    }
}
