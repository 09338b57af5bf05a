use palisade::patch;

#[patch("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
