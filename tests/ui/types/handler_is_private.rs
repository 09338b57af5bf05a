mod users {
    use palisade::{authenticated, get};

    #[get("/me")]
    #[authenticated]
    async fn me() -> &'static str {
        "me"
    }
}

fn main() {
    palisade::scope("/api").service(users::me);
}
