use palisade::{get, public};

struct Users;

impl Users {
    #[get("/users")]
    #[public]
    async fn show() -> &'static str {
        "in"
    }
}

fn main() {}
