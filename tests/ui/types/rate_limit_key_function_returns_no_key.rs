use palisade::{Principal, get, public, rate_limit};

async fn plan(_: &actix_web::HttpRequest, _: Option<&Principal>) -> u32 {
    1
}

#[get("/documents")]
#[public]
#[rate_limit(5, "15m", by = key(plan))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
