use palisade::{authorize, get};

#[get("/users")]
#[authorize(scope(["a", "b"]))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
