use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(path.id)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
