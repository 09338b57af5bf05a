//! Input: rules of `validator` and of `garde`, a rule that needs data of the application, and errors in the language of the client.
//!
//! `cargo run -p themes --bin input` starts it. Then, for example:
//! `curl -i http://127.0.0.1:3000/offers -H "Accept-Language: de" --json '{"price": 500, "seller": {"name": ""}}'`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/input.rs"]
mod tests;

use actix_web::web::Json;
use actix_web::{App, HttpServer};
use palisade::problem::FieldError;
use palisade::{Palisade, Scope, post, public, validate};
use serde::Deserialize;
use validator::{Validate, ValidationError};

struct Prices {
    most: u32,
}

/// With `validator`, a nested struct is validated only if its field has `nested`.
#[derive(Deserialize, Validate)]
#[validate(context = Prices)]
struct Offer {
    #[validate(custom(function = affordable, use_context))]
    price: u32,
    #[validate(nested)]
    seller: Seller,
}

#[derive(Deserialize, Validate)]
struct Seller {
    #[validate(length(min = 1, max = 200))]
    name: String,
}

fn affordable(price: u32, prices: &Prices) -> Result<(), ValidationError> {
    if price <= prices.most { Ok(()) } else { Err(ValidationError::new("too_expensive")) }
}

/// With `garde`, a field without an attribute does not compile.
#[derive(Deserialize, garde::Validate)]
struct Review {
    #[garde(range(min = 1, max = 5))]
    stars: u8,
    #[garde(length(max = 1000))]
    text: String,
}

#[post("/offers")]
#[public]
#[validate]
async fn add_offer(offer: Json<Offer>) -> String {
    format!("{} offers it for {}", offer.seller.name, offer.price)
}

#[post("/offers/{id}/reviews")]
#[public]
#[validate]
async fn add_review(review: Json<Review>) -> String {
    format!("{} stars: {}", review.stars, review.text)
}

fn in_german(error: &FieldError, accept_language: Option<&str>) -> Option<String> {
    let german = accept_language.is_some_and(|languages| languages.starts_with("de"));
    (german && error.code() == "too_expensive").then(|| "Der Preis ist zu hoch.".to_owned())
}

fn routes() -> Scope {
    palisade::scope("").app_data(Prices { most: 100 }).service(add_offer).service(add_review)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let palisade = Palisade::builder().input_messages(in_german).routes(&routes()).build()?;
    let app = move || App::new().service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
