use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(reporting("csp", "http://reports.example"))]
async fn page() -> &'static str {
    "page"
}

fn main() {}
