use palisade::get;

#[get("/users")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
