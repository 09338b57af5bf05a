use actix_files::Files;

fn main() {
    palisade::scope("/api").service(Files::new("/assets", "assets"));
}
