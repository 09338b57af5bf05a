use palisade::{compressed_body, post, public};

#[post("/notes")]
#[public]
#[compressed_body(body)]
async fn add(body: String) -> String {
    body
}

fn main() {}
