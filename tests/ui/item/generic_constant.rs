use palisade::{get, public};

#[get("/users")]
#[public]
async fn show<const N: usize>() -> String {
    N.to_string()
}

fn main() {}
