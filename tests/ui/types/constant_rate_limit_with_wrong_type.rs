use palisade::{get, public, rate_limit};

const LIMIT: usize = 5;

#[get("/x")]
#[public]
#[rate_limit(LIMIT, "15m")]
async fn show() -> &'static str {
    "in"
}

fn main() {}
