use palisade::{get, deny_all};

#[get("/users/{id}")]
#[deny_all("a")]
#[deny_all("b")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
