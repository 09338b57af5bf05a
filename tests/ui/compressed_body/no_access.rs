use palisade::{compressed_body, post};

#[post("/notes")]
#[compressed_body("1MiB")]
async fn add(body: String) -> String {
    body
}

fn main() {}
