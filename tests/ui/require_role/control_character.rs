use palisade::{get, require_role};

#[get("/users")]
#[require_role("ad\nmin")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
