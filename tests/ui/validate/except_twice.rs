use actix_web::HttpRequest;
use actix_web::http::Method;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate(except(session), except(db))]
async fn create(session: HttpRequest, body: String, db: Method) -> String {
    format!("{} {db} {body}", session.path())
}

fn main() {}
