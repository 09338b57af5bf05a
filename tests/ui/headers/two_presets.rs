use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(pages, api)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
