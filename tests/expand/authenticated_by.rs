use palisade::{authenticated, get};

#[get("/notes")]
#[authenticated(by = [api_key, "Basic"])]
async fn list_notes() -> &'static str {
    "notes"
}
