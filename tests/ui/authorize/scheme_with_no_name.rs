use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(scheme())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
