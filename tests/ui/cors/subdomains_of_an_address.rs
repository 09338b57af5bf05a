use palisade::{cors, get, public};

#[get("/prices")]
#[public]
#[cors(subdomains("https://192.0.2.1"))]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
