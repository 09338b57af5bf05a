use palisade::{get, require_role};

#[get("/users")]
#[require_role("admin", "editor")]
#[require_role("editor", "admin")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
