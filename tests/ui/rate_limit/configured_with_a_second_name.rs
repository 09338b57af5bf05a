use palisade::{public, rate_limit};

#[public]
#[rate_limit("login", name = "other")]
async fn login() -> &'static str {
    "in"
}

fn main() {}
