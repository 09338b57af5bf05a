use palisade::{authenticated, get};

#[get("/users")]
#[authenticated("admin")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
