use palisade::put;

#[put("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
