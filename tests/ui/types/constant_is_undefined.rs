use palisade::{get, public, rate_limit};

const LIMIT: u32 = 5;

#[get("/x")]
#[public]
#[rate_limit(LIMITS, "15m")]
async fn show() -> &'static str {
    "in"
}

fn main() {}
