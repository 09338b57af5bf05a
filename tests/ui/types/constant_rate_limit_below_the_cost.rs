use palisade::{get, public, rate_limit};

const RATE_LIMIT: u32 = 5;

#[get("/x")]
#[public]
#[rate_limit(RATE_LIMIT, "15m", cost = 6)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
