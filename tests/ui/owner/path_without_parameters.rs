use palisade::{get, owner};

#[get("/users/")]
#[owner(id)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
