use palisade::{timeout, get};

#[get("/report")]
#[timeout("5s")]
async fn report() -> &'static str {
    "report"
}

fn main() {}
