use palisade::{get, public};

struct User;

#[get("/users")]
#[public]
async fn show() -> User {
    User
}

fn main() {}
