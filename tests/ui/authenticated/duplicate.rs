use palisade::{authenticated, get};

#[get("/users")]
#[authenticated]
#[authenticated]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
