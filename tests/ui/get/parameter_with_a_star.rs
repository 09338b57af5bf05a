use palisade::{authenticated, get};

#[get("/files/*rest")]
#[authenticated]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
