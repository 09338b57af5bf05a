use palisade::{get, public, rate_limit};

async fn plan() -> String {
    "free".to_owned()
}

#[get("/documents")]
#[public]
#[rate_limit(5, "15m", by = key(plan))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
