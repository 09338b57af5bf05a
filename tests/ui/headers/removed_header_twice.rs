use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(danger_without = ["x-frame-options", "X-Frame-Options"])]
async fn page() -> &'static str {
    "page"
}

fn main() {}
