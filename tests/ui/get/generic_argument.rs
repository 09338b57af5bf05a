use palisade::{get, public};

#[get("/users")]
#[public]
async fn show_user(_: actix_web::web::Data<impl Send + 'static>) -> &'static str {
    "in"
}

fn main() {}
