async fn open() -> &'static str {
    "open to all"
}

fn main() {
    let _ = palisade::scope("/api").service(open);
}
