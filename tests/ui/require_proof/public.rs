use palisade::{public, require_proof, post};

#[post("/payments")]
#[public]
#[require_proof]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
