use palisade::{concurrency, get};

#[get("/report")]
#[concurrency(8)]
async fn report() -> &'static str {
    "report"
}

fn main() {}
