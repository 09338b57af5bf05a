use palisade::{authenticated, get, timeout};

#[get("/report")]
#[authenticated]
#[timeout("500ms")]
async fn report() -> &'static str {
    "report"
}
