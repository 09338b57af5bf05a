use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(frame = "same-origin", danger_without = "x-frame-options")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
