use palisade::{get, optional_auth};

#[get("/users/{id}")]
#[optional_auth("maybe")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
