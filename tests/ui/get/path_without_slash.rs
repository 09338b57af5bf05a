use palisade::{get, public};

#[get("users")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
