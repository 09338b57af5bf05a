use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(check(|r, p| true))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
