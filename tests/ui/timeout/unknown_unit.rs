use palisade::{timeout, get, public};

#[get("/report")]
#[public]
#[timeout("5 secs")]
async fn report() -> &'static str {
    "report"
}

fn main() {}
