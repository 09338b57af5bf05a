use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(api, api)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
