use palisade::{get, require_role};

#[get("/users")]
#[require_role(!"a")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
