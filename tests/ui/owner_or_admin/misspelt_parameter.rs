use palisade::{get, owner_or_admin};

#[get("/users/{id}")]
#[owner_or_admin(idd)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
