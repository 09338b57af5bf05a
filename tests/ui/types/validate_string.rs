use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate]
async fn create(body: String) -> String {
    body
}

fn main() {}
