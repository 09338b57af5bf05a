use palisade::{Principal, authorize, get};

fn allowed(_: &actix_web::HttpRequest, _: &Principal) -> bool {
    true
}

#[get("/documents")]
#[authorize(check(allowed))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
