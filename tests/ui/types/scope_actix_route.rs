use palisade::authenticated;

#[actix_web::get("/users")]
#[authenticated]
async fn show() -> &'static str {
    "in"
}

fn main() {
    let _ = palisade::scope("/api").service(show);
}
