use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
