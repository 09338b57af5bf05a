use palisade::{get, public};

struct Users;

impl Users {
    #[get("/users")]
    #[public]
    async fn show(&self) -> &'static str {
        "in"
    }
}

fn main() {}
