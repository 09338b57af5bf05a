use palisade::{timeout, get, public};

#[get("/report")]
#[public]
#[timeout("0s")]
async fn report() -> &'static str {
    "report"
}

fn main() {}
