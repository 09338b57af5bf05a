use palisade::{compressed_body, post, public};

#[post("/notes")]
#[public]
#[compressed_body(1048576)]
async fn add(body: String) -> String {
    body
}

fn main() {}
