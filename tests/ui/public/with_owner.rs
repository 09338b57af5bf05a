use palisade::{get, owner, public};

#[get("/users/{id}")]
#[public]
#[owner(id)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
