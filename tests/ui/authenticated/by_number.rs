use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(by = 7)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
