use palisade::authorize;

const EDITOR: &str = "editor";

#[authorize(EDITOR)]
async fn edit() -> &'static str {
    "in"
}

fn main() {}
