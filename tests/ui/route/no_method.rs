use palisade::{public, route};

#[route("/users")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
