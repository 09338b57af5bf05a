use actix_web::{HttpResponse, web};

async fn page() -> HttpResponse {
    HttpResponse::Ok().finish()
}

fn main() {
    palisade::scope("/api").default_service(web::to(page));
}
