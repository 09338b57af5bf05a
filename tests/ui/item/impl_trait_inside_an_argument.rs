use actix_web::web::Data;
use palisade::{get, public};

#[get("/users")]
#[public]
async fn show(store: Data<impl ToString>) -> String {
    store.to_string()
}

fn main() {}
