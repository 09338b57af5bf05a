use palisade::rate_limit;

#[rate_limit(5, "15m")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
