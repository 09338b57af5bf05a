use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = "Bearer realm")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
