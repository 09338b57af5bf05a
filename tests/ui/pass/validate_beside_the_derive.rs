//! `palisade::validate` and the attribute of `#[derive(Validate)]` share a name.
#![deny(warnings)]

use std::borrow::Cow;

use actix_web::web::Json;
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::{Validate, ValidationError};

#[derive(Deserialize, Validate)]
#[validate(schema(function = "agree"))]
struct Range {
    #[validate(range(min = 1))]
    from: u8,
    to: u8,
}

fn agree(range: &Range) -> Result<(), ValidationError> {
    if range.from <= range.to { Ok(()) } else { Err(ValidationError::new("order").with_message(Cow::Borrowed("order"))) }
}

#[post("/ranges")]
#[public]
#[validate]
async fn create(range: Json<Range>) -> String {
    (range.to - range.from).to_string()
}

fn main() {
    let _ = palisade::scope("/api").service(create);
}
