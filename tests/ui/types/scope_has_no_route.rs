use actix_web::web;

async fn list() -> &'static str {
    "rows"
}

fn main() {
    palisade::scope("/api").route("/rows", web::get().to(list));
}
