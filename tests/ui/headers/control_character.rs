use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(permissions = "camera=()\r\nx: y")]
async fn page() -> &'static str {
    "page"
}

fn main() {}
