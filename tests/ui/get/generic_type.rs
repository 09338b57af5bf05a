use palisade::{get, public};

#[get("/users")]
#[public]
async fn show_user<T: 'static>(_: actix_web::web::Data<T>) -> &'static str {
    "in"
}

fn main() {}
