use palisade::{get, public};

struct Users;

impl Users {
    #[get("/users")]
    #[public]
    async fn list(&self) -> &'static str {
        "in"
    }
}
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
