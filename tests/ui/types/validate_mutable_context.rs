use actix_web::web::Json;
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::{Validate, ValidationError};

struct Counter(u32);

#[derive(Deserialize, Validate)]
#[validate(context = Counter, mutable)]
struct User {
    #[validate(custom(function = counted, use_context))]
    name: String,
}

fn counted(_: &str, counter: &mut Counter) -> Result<(), ValidationError> {
    counter.0 += 1;
    Ok(())
}

#[post("/users")]
#[public]
#[validate]
async fn create(body: Json<User>) -> String {
    body.name.clone()
}

fn main() {}
