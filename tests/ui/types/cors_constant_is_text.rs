use palisade::{cors, get, public};

const APP: &str = "https://app.example.com";

#[get("/prices")]
#[public]
#[cors(APP)]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
