use actix_web::web::Data;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate]
async fn create(store: Data<u32>) -> String {
    store.to_string()
}

fn main() {}
