use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "img-src 'self'; img-src data:")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
