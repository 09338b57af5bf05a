use palisade::{get, public};

#[get("/users", method = "POST")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
