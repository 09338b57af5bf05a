use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(pages, danger_without = ["referrer-policy", "content-security-policy"])]
async fn page() -> &'static str {
    "page"
}

fn main() {}
