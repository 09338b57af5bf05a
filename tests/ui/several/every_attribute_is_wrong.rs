use palisade::{rate_limit, route, validate};

#[route]
#[rate_limit]
#[validate(body)]
async fn create() -> &'static str {
    "in"
}

fn main() {}
