use palisade::{timeout, get, public};

#[get("/report")]
#[public]
#[timeout("2d")]
async fn report() -> &'static str {
    "report"
}

fn main() {}
