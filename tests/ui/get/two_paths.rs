use palisade::{get, public};

#[get("/users", "/people")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
