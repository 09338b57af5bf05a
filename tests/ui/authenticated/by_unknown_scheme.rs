use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = negotiate)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
