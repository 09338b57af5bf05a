use palisade::{get, authenticated, public};

#[get("/users/{id}")]
#[authenticated(by = api_key)]
#[public]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
