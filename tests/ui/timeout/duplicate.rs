use palisade::{timeout, get, public};

#[get("/report")]
#[public]
#[timeout("5s")]
#[timeout("6s")]
async fn report() -> &'static str {
    "report"
}

fn main() {}
