use palisade::{public, route};

#[route("/users", method = "GET", method = "GET")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
