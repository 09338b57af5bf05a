use palisade::{authenticated, get};

#[get(r"/users/{id:(?<kind>a|b)\d+}")]
#[authenticated]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
