use palisade::{get, require_role};

#[get("/users")]
#[require_role([Role::A, Role::B])]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
