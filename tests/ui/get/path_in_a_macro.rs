use palisade::{get, public};

#[get(concat!("/users", "/all"))]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
