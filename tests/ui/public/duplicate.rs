use palisade::{get, public};

#[get("/users")]
#[public]
#[public("to all")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
