use palisade::{get, public};

#[get("/files/{name}-*")]
#[public]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
