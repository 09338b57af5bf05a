use palisade::{step_up, post};

#[post("/payments")]
#[step_up(acr(phr))]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
