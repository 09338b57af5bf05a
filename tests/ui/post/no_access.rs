use palisade::post;

#[post("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
