use palisade::{get, deny_all};

#[get("/users/{id}")]
#[deny_all(audit)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
