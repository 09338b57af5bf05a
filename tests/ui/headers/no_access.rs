use palisade::{get, headers};

#[get("/page")]
#[headers(pages)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
