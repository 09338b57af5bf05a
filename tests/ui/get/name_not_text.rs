use palisade::{get, public};

#[get("/users", name = users)]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
