use palisade::{get, public, require_role};

#[get("/users")]
#[public]
#[require_role("admin")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
