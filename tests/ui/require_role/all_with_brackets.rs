use palisade::{get, require_role};

#[get("/users")]
#[require_role(all(["a", "b"]))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
