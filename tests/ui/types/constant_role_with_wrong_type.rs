use palisade::{get, require_role};

const ADMIN: u8 = 1;

#[get("/x")]
#[require_role(ADMIN)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
