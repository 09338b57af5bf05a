use palisade::{authenticated, get};

#[get("/users?page={page}")]
#[authenticated]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
