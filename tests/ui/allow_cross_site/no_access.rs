use palisade::{allow_cross_site, get};

#[get("/prices")]
#[allow_cross_site("a form of the provider")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

fn main() {}
