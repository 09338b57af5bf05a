use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = api_key)]
#[authenticated(by = bearer)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
