use palisade::{authenticated, get};

#[get("/users/<id>/notes")]
#[authenticated]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
