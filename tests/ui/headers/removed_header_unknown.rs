use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(danger_without = "x-frame-option")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
