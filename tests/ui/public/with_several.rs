use palisade::{authenticated, get, owner, public};

#[get("/users/{id}")]
#[owner(id)]
#[authenticated]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
