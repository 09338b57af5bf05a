use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(danger_without = "x-content-type-options")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
