use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "defualt-src 'self'")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
