use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp_report_only = "script-src 'nonce-abc'")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
