use palisade::{get, public};

#[get("/users", guard = "1 + 1")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
