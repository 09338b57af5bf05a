use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(permissions = "camera 'none'")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
