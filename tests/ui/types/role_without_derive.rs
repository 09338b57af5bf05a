use palisade::{get, require_role};

enum Role {
    Admin,
}

#[get("/x")]
#[require_role(Role::Admin)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
