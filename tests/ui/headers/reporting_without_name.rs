use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(reporting("https://reports.example"))]
async fn page() -> &'static str {
    "page"
}

fn main() {}
