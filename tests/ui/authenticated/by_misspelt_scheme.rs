use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = api_keys)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
