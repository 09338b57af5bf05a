use palisade::{authorize, post};

#[post("/payments")]
#[authorize(role("admin") || require_proof)]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
