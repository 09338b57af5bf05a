use palisade::{get, authenticated};

#[get("/users/{id}")]
#[authenticated(bye = api_key)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
