use palisade::{authorize, get};

#[get("/members/{org}")]
#[authorize(check(member_of(organisation)))]
async fn list() -> &'static str {
    "in"
}

fn main() {}
