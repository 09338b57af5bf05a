use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(pages)]
#[headers(frame = "same-origin")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
