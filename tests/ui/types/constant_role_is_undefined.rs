use palisade::{get, require_role};

const ADMIN: &str = "admin";

#[get("/x")]
#[require_role(ADMIM)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
