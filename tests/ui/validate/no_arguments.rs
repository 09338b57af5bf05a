use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
