use palisade::{get, owner};

#[get("/users/{id}")]
#[owner]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
