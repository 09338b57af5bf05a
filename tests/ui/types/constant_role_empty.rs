use palisade::{get, require_role};

const ADMIN: &str = "";

#[get("/x")]
#[require_role(ADMIN)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
