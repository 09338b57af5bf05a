use palisade::{get, owner};

#[get("/transfers/{from}/{to}")]
#[owner(from, of = Account)]
#[owner(to, of = Account)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
