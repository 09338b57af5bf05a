use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "default-src 'self', object-src 'none'")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
