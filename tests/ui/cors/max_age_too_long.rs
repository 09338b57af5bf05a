use palisade::{cors, get, public};

#[get("/prices")]
#[public]
#[cors("https://app.example.com", max_age = "2d")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
