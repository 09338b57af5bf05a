use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = [])]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
