use palisade::{public, route};

#[route("/users", method = "FETCH")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
