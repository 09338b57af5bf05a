#![deny(warnings)]

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json};
use palisade::{get, post, public, rate_limit, validate};
use serde::Deserialize;
use validator::Validate;

pub const POLICY: u8 = 1;
pub const ROUTE: u8 = 2;

#[derive(Deserialize, Validate)]
pub struct Body {
    #[validate(length(min = 1))]
    text: String,
}

/// Every name that an expansion might use is a route of the user's, or a function, or a constant.
#[get("/seat")]
#[public]
async fn seat(req: HttpRequest, payload: Data<u8>) -> String {
    format!("{} {payload:?} {POLICY} {ROUTE}", req.path())
}

#[get("/app")]
#[public]
async fn app() -> &'static str {
    "app"
}

#[get("/mount")]
#[public]
async fn mount() -> &'static str {
    "mount"
}

#[get("/register")]
#[public]
async fn register() -> &'static str {
    "register"
}

/// A function becomes a constant of its name, so the names of variables are in another module.
mod plain {
    use super::*;

    #[public]
    #[rate_limit(5, "15m")]
    pub async fn req(request: HttpRequest) -> String {
        request.path().to_owned()
    }

    #[public]
    #[validate]
    #[rate_limit(5, "15m")]
    pub async fn payload(input: Json<Body>) -> String {
        input.into_inner().text
    }
}

#[post("/body")]
#[public]
#[validate]
async fn body(input: Json<Body>) -> String {
    input.into_inner().text
}

#[get("/type/{match}")]
#[public]
async fn r#type(r#match: web::Path<String>) -> String {
    r#match.into_inner()
}

mod core {}
mod palisade_names {
    pub mod palisade {}
}

fn main() {
    use palisade_names::palisade;
    let scope = ::palisade::scope("/api").service(seat).service(app).service(mount).service(register);
    let scope = scope.service(body).service(r#type);
    let _ = actix_web::App::new().service(scope).route("/req", web::get().to(plain::req)).route("/p", web::post().to(plain::payload));
    #[allow(unused_imports)]
    use palisade as _;
}
