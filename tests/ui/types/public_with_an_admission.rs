use palisade::admission::Admission;
use palisade::{get, public};

#[get("/events")]
#[public]
async fn events(admission: Admission) -> &'static str {
    let _ = admission;
    "events"
}

fn main() {}
