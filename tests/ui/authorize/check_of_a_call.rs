use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(check(allowed()))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
