use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(idd)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
