use palisade::{get, public, rate_limit};

const COST: u32 = 6;

#[get("/x")]
#[public]
#[rate_limit(5, "15m", cost = COST)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
