use palisade::{get, require_role};

#[get("/users/{id}")]
#[require_role(all())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
