use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit("15 minutes", 5, by = ip, count = failures, observe)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
