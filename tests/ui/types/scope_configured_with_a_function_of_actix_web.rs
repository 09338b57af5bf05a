use actix_web::web;

fn routes(config: &mut web::ServiceConfig) {
    config.route("/", web::get());
}

fn main() {
    palisade::scope("/api").configure(routes);
}
