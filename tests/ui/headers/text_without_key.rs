use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers("same-origin")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
