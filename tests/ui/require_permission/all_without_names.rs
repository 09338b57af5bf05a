use palisade::{get, require_permission};

#[get("/users/{id}")]
#[require_permission(all())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
