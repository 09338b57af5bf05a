use palisade::{get, public};

#[get("/users")]
#[public(health)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
