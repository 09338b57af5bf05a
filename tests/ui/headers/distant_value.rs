use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(embedder = "on")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
