use palisade::delete;

#[delete("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
