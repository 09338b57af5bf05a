use palisade::{get, public};

#[get("/users")]
#[public]
async fn show_user<const N: usize>() -> &'static str {
    "in"
}

fn main() {}
