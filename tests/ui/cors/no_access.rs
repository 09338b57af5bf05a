use palisade::{cors, get};

#[get("/prices")]
#[cors("https://app.example.com")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
