use palisade::{post, public, rate_limit};

#[derive(serde::Deserialize)]
struct Note {
    text: String,
}

#[post("/notes")]
#[public]
#[rate_limit(5, "15m", by = [ip, field(note.text)])]
async fn add(#[cfg(feature = "notes")] note: actix_web::web::Json<Note>) -> &'static str {
    "in"
}

fn main() {
    let _ = Note { text: String::new() }.text;
}
