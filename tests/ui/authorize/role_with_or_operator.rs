use palisade::{authorize, get};

#[get("/users")]
#[authorize(role("a" || "b") && authenticated)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
