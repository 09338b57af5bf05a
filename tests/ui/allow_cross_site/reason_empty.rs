use palisade::{allow_cross_site, authenticated, get};

#[get("/prices")]
#[authenticated]
#[allow_cross_site(" ")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
