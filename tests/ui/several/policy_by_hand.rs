#[::palisade::__policy(everybody)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
