use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "default-src 'self'; report-to csb", reporting("csp", "https://reports.example/csp"))]
async fn page() -> &'static str {
    "page"
}

fn main() {}
