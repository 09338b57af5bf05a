use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers]
async fn page() -> &'static str {
    "page"
}

fn main() {}
