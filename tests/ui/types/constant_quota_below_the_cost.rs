use palisade::{get, public, rate_limit};

const QUOTA: u32 = 5;

#[get("/x")]
#[public]
#[rate_limit(QUOTA, "15m", cost = 6)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
