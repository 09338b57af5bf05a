use palisade::{authenticated, concurrency, post};

#[post("/export")]
#[authenticated]
#[concurrency(8)]
async fn export() -> &'static str {
    "exported"
}

#[post("/import")]
#[authenticated]
#[concurrency(limits::IMPORTS)]
async fn import() -> &'static str {
    "imported"
}
