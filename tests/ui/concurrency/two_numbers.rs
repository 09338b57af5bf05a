use palisade::{concurrency, get, public};

#[get("/report")]
#[public]
#[concurrency(8, 9)]
async fn report() -> &'static str {
    "report"
}

fn main() {}
