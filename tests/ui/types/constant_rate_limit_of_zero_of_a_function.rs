use palisade::{public, rate_limit};

mod limits {
    pub const LOGIN: u32 = 0;
}

#[public]
#[rate_limit(limits::LOGIN, "15m")]
async fn show() -> &'static str {
    "in"
}

fn main() {}
