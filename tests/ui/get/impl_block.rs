use palisade::{get, public};

struct Users;

#[get("/users")]
#[public]
impl Users {}
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
