use palisade::{get, tenant};

#[get("/users/{id}")]
#[tenant(id, of = Document)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
