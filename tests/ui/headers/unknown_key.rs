use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(refferer = "no-referrer")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
