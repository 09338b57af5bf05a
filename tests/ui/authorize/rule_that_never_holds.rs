use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(!authenticated)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
