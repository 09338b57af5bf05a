use palisade::scope::ServiceConfig;

fn routes(config: &mut ServiceConfig) {
    config.external_resource("manual", "https://manual.example/{page}");
}

fn main() {
    palisade::scope("/api").configure(routes);
}
