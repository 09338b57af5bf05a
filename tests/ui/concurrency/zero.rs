use palisade::{concurrency, get, public};

#[get("/report")]
#[public]
#[concurrency(0)]
async fn report() -> &'static str {
    "report"
}

fn main() {}
