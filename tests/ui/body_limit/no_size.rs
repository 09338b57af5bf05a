use palisade::{body_limit, post, public};

#[post("/notes")]
#[public]
#[body_limit]
async fn add(body: String) -> String {
    body
}

fn main() {}
