use palisade::{step_up, post};

#[post("/payments")]
#[step_up(max_age = "5m", max_age = "10m")]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
