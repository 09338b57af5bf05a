use palisade::{authorize, post};

#[post("/payments")]
#[authorize(!delegated(id))]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
