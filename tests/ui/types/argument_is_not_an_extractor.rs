use palisade::{get, public};

struct User;

#[get("/users")]
#[public]
async fn show(_user: User) -> &'static str {
    "in"
}

fn main() {}
