use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(check())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
