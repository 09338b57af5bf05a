use palisade::{step_up, post};

#[post("/payments")]
#[step_up(acr("phr phrh"))]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
