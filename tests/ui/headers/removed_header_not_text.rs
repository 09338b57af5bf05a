use palisade::{get, headers, public};

#[get("/page")]
#[public]
#[headers(danger_without = x_frame_options)]
async fn page() -> &'static str {
    "page"
}

fn main() {}
