use palisade::{cors, get, public};

#[get("/prices")]
#[public]
#[cors("https://app.example.com", expose("X Total"))]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
