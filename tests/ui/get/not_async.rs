use palisade::{get, public};

#[get("/users")]
#[public]
fn show_user() -> &'static str {
    "in"
}

fn main() {}
