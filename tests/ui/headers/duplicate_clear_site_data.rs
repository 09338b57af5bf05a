use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(clear_site_data, clear_site_data)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
