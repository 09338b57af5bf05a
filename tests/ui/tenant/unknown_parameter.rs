use palisade::{get, tenant};

#[get("/users/{id}")]
#[tenant(org)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
