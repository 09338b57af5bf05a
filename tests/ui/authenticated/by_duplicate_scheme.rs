use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = [bearer, "BEARER"])]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
