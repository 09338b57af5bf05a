use palisade::{authorize, get};

async fn allowed() -> bool {
    true
}

#[get("/documents")]
#[authorize(check(allowed))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
