use palisade::{get, public};

#[get("/users")]
#[public]
async extern "C" fn show_user() -> &'static str {
    "in"
}

fn main() {}
