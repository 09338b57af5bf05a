use palisade::{step_up, post};

#[post("/payments")]
#[step_up(max_age = "5m")]
#[step_up(max_age = "5m")]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
