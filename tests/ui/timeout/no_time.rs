use palisade::{timeout, get, public};

#[get("/report")]
#[public]
#[timeout]
async fn report() -> &'static str {
    "report"
}

fn main() {}
