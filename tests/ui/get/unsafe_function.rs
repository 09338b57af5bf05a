use palisade::{get, public};

#[get("/users")]
#[public]
async unsafe fn show_user() -> &'static str {
    "in"
}

fn main() {}
