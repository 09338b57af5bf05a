use palisade::{get, tenant};

#[get("/users/{id}")]
#[tenant]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
