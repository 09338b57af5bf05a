use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "everything 'none'")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
