use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(id)]
#[owner(id)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
