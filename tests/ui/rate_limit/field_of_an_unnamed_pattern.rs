use palisade::{post, public, rate_limit};

#[post("/notes")]
#[public]
#[rate_limit(5, "15m", by = field(text))]
async fn show_user(_: Json<Note>) -> &'static str {
    "in"
}

fn main() {}
