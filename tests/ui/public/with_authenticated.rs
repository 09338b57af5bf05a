use palisade::{authenticated, get, public};

#[get("/users")]
#[authenticated]
#[public]
async fn show() -> &'static str {
    "in"
}

fn main() {}
