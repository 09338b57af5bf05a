use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(rol("admin"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
