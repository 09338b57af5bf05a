use palisade::{authenticated, compressed_body, post};

#[post("/notes")]
#[authenticated]
#[compressed_body("64KiB")]
async fn add(body: Json<Note>) -> Json<Note> {
    body
}
