use palisade::{body_limit, post, public};

#[post("/notes")]
#[public]
#[body_limit("1MiB")]
#[body_limit("2MiB")]
async fn add(body: String) -> String {
    body
}

fn main() {}
