use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "default-src self")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
