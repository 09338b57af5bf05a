use palisade::{get, require_role};

#[get("/users/{id}")]
#[require_role("a", all("b", "c"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
