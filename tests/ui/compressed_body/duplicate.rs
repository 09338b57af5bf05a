use palisade::{compressed_body, post, public};

#[post("/notes")]
#[public]
#[compressed_body("1MiB")]
#[compressed_body("2MiB")]
async fn add(body: String) -> String {
    body
}

fn main() {}
