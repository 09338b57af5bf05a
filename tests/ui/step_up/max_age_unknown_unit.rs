use palisade::{step_up, post};

#[post("/payments")]
#[step_up(max_age = "5 mins")]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
