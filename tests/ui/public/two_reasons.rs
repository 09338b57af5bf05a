use palisade::{get, public};

#[get("/users")]
#[public("one", "two")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
