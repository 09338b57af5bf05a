use palisade::{get, require_role};

#[get("/users")]
#[require_role(all("a", any("b", "c")))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
