use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(csp = "default-src 'self'; frame-ancestors 'self'", frame = "deny")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
