use palisade::{authorize, get};

#[get("/users")]
#[authorize(role(all("a", !"b")))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
