use palisade::{authorize, get};

#[get("/members")]
#[authorize(check(min_level(1 + 2)))]
async fn list() -> &'static str {
    "in"
}

fn main() {}
