use palisade::{public, route};

#[route("/users", method = "get")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
