use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate(body)]
async fn create(body: String) -> String {
    body
}

fn main() {}
