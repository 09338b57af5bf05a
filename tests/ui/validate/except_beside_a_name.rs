use actix_web::HttpRequest;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate(body, except(session))]
async fn create(session: HttpRequest, body: String) -> String {
    format!("{} {body}", session.path())
}

fn main() {}
