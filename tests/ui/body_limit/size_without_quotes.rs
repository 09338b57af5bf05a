use palisade::{body_limit, post, public};

#[post("/notes")]
#[public]
#[body_limit(body)]
async fn add(body: String) -> String {
    body
}

fn main() {}
