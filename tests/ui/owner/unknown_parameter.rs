use palisade::{get, owner};

#[get("/users/{user}/notes/{note}")]
#[owner(id)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
