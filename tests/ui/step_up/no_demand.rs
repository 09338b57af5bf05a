use palisade::{step_up, post};

#[post("/payments")]
#[step_up]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
