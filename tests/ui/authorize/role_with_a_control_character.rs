use palisade::{get, authorize};

#[get("/users")]
#[authorize(role("admin") || role("ad\0min"))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
