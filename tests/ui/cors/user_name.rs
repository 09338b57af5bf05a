use palisade::{cors, get, public};

#[get("/prices")]
#[public]
#[cors("https://user@app.example.com")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
