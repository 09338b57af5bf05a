use palisade::scope::ServiceConfig;

async fn list() -> &'static str {
    "rows"
}

fn routes(config: &mut ServiceConfig) {
    config.service(list);
}

fn main() {
    palisade::scope("/api").configure(routes);
}
