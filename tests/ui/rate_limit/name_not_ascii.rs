use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(5, "15m")]
async fn größe() -> &'static str {
    "in"
}

fn main() {}
