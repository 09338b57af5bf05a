use actix_web::web::Bytes;
use palisade::{post, public};

#[post("/text")]
#[public]
async fn text(text: Option<String>) -> String {
    text.unwrap_or_default()
}

#[post("/bytes")]
#[public]
async fn bytes(bytes: Option<Bytes>) -> String {
    bytes.unwrap_or_default().len().to_string()
}

fn main() {}
