use palisade::{require_proof, post};

#[post("/payments")]
#[require_proof("dpop")]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
