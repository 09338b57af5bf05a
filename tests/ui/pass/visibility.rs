//! Handlers of each visibility.
#![deny(warnings)]

mod users {
    use palisade::{authenticated, get};

    #[get("/pub")]
    #[authenticated]
    pub async fn public_item() -> &'static str {
        "in"
    }

    #[get("/crate")]
    #[authenticated]
    pub(crate) async fn crate_item() -> &'static str {
        "in"
    }

    #[get("/super")]
    #[authenticated]
    pub(super) async fn super_item() -> &'static str {
        "in"
    }

    #[get("/in")]
    #[authenticated]
    pub(in crate::users) async fn private_item() -> &'static str {
        "in"
    }

    pub fn scope() -> palisade::Scope {
        palisade::scope("/users").service(private_item)
    }
}

fn main() {
    let _ = users::scope().service(users::public_item).service(users::crate_item).service(users::super_item);
}
