use palisade::{compressed_body, post, public};

#[post("/notes")]
#[public]
#[compressed_body("0MiB")]
async fn add(body: String) -> String {
    body
}

fn main() {}
