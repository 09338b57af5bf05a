use palisade::{get, public};

#[get(name = "users")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
