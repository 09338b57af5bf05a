use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(pges)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
