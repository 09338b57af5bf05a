use palisade::{step_up, post};

#[post("/payments")]
#[step_up(max_age = 300)]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
