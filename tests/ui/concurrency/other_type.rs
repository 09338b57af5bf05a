use palisade::{concurrency, get, public};

#[get("/report")]
#[public]
#[concurrency(8u64)]
async fn report() -> &'static str {
    "report"
}

fn main() {}
