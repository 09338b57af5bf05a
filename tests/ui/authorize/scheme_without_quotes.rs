use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(scheme(bearer))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
