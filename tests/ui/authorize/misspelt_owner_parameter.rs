use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(owner(idd) || role("a"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
