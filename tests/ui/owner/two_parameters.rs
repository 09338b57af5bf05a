use palisade::{get, owner};

#[get("/users/{id}/{name}")]
#[owner(id, name)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
