use palisade::{authorize, post};

#[post("/payments")]
#[authorize(role("admin") || step_up(max_age = "5m"))]
async fn pay() -> &'static str {
    "paid"
}

fn main() {}
