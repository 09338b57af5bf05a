#![deny(deprecated)]

use palisade::{get, public};

#[get("/old")]
#[public]
#[deprecated(note = "use the new one")]
async fn old() -> &'static str {
    "in"
}

fn main() {
    let _ = palisade::scope("/api").service(old);
}
