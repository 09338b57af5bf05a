use palisade::{get, public};

#[get("/users/{id}/friends/{id}")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
