use palisade::{get, public};

#[get("/users")]
#[public]
async fn show() -> impl Iterator<Item = u8> {
    [1, 2].into_iter()
}

fn main() {}
