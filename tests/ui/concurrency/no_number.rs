use palisade::{concurrency, get, public};

#[get("/report")]
#[public]
#[concurrency]
async fn report() -> &'static str {
    "report"
}

fn main() {}
