use palisade::{concurrency, get, public};

const NONE: u32 = 0;

#[get("/report")]
#[public]
#[concurrency(NONE)]
async fn report() -> &'static str {
    "report"
}

fn main() {}
