use palisade::{get, public};

#[get]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
