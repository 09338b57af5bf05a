mod users {
    #[actix_web::get("/me")]
    async fn me() -> &'static str {
        "me"
    }
}

fn main() {
    actix_web::App::new().service(users::me);
}
