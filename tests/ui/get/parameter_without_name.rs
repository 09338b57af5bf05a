use palisade::{get, public};

#[get("/users/{user-id}")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
