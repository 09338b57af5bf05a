use palisade::{step_up, post};

#[post("/payments")]
#[step_up(acr())]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
