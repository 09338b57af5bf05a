use palisade::{body_limit, post};

#[post("/notes")]
#[body_limit("1MiB")]
async fn add(body: String) -> String {
    body
}

fn main() {}
