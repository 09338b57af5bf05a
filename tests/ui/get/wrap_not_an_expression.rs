use palisade::{get, public};

#[get("/users", wrap = "Compress::")]
#[public]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
