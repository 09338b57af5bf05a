//! As with actix-web's own attribute, a private handler can be mounted from another module of its crate.

#![deny(warnings, unreachable_pub, missing_docs, clippy::all, clippy::pedantic)]

mod users {
    use palisade::{authenticated, get};

    #[get("/me")]
    #[authenticated]
    async fn me() -> &'static str {
        "me"
    }

    pub(super) mod inner {
        #[palisade::post("/deep")]
        #[palisade::public]
        async fn deep() -> &'static str {
            "deep"
        }
    }
}

mod theirs {
    #[actix_web::get("/me")]
    async fn me() -> &'static str {
        "me"
    }
}

fn main() {
    let _ = palisade::scope("/api").service(users::me).service(users::inner::deep);
    let _ = actix_web::App::new().service(theirs::me);
}
