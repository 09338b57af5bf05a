use palisade::{authenticated, body_limit, post};

#[post("/notes")]
#[authenticated]
#[body_limit("64KiB")]
async fn add(body: Json<Note>) -> Json<Note> {
    body
}
