use palisade::{require_proof, post};

#[post("/payments")]
#[require_proof]
#[require_proof]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
