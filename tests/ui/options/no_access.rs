use palisade::options;

#[options("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
