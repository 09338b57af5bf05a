use palisade::{get, public, rate_limit};

fn is_a_guess(status: u16) -> bool {
    status == 401
}

#[get("/documents")]
#[public]
#[rate_limit(5, "15m", count = when(is_a_guess))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
