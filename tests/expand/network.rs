use palisade::{authorize, get};

#[get("/notes")]
#[authorize(network("10.0.0.0/8", "fd00::/8") || scheme("Bearer"))]
async fn list_notes() -> &'static str {
    "notes"
}
