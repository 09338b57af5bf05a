use palisade::head;

#[head("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
