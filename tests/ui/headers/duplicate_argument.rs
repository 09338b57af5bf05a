use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(frame = "deny", frame = "same-origin")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
