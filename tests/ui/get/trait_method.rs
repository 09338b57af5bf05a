use palisade::{get, public};

trait Users {
    #[get("/users")]
    #[public]
    async fn list() -> &'static str;
}
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
