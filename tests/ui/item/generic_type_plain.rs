use actix_web::web::Path;
use palisade::public;

#[public]
async fn show<T: ToString>(id: Path<T>) -> String {
    id.to_string()
}

fn main() {}
