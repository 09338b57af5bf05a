use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(frame = deny)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
