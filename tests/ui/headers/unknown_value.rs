use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(frame = "same_origin")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
