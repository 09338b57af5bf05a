use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "script-src")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
