use palisade::{authenticated, rate_limit};

struct User;

#[rate_limit(5, "1m")]
#[authenticated]
async fn show(_user: User) -> &'static str {
    "in"
}

fn main() {}
