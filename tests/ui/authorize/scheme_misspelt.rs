use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(shceme("Bearer"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
