use palisade::{get, require_permission};

#[get("/users")]
#[require_permission("users\u{85}read", "users:delete")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
