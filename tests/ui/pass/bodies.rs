#![deny(warnings)]

use actix_web::web::{Data, Json};
use actix_web::{Either, HttpResponse, Responder};
use palisade::{authenticated, get, post, public};

#[get("/early")]
#[public]
async fn early(number: Data<u32>) -> String {
    if **number == 0 {
        return "zero".to_owned();
    }
    number.to_string()
}

#[post("/question")]
#[public]
async fn question(text: String) -> Result<String, actix_web::Error> {
    let number: u32 = text.parse().map_err(actix_web::error::ErrorBadRequest)?;
    Ok(number.to_string())
}

#[get("/responder")]
#[authenticated]
async fn responder() -> impl Responder {
    Json(1)
}

#[get("/lifetime")]
#[public]
async fn lifetime<'a>(number: Data<u32>) -> Either<&'a str, HttpResponse> {
    if **number == 0 { Either::Left("zero") } else { Either::Right(HttpResponse::Ok().finish()) }
}

#[get("/borrowed")]
#[public]
async fn borrowed(number: Data<u32>) -> String {
    let texts = [String::from("a"), number.to_string()];
    let longest = texts.iter().max_by_key(|text| text.len());
    std::future::ready(()).await;
    longest.cloned().unwrap_or_default()
}

#[get("/items")]
#[public]
async fn with_items() -> String {
    const POLICY: &str = "mine";
    fn seat() -> &'static str {
        POLICY
    }
    macro_rules! app {
        () => {
            seat().to_owned()
        };
    }
    app!()
}

fn main() {
    let scope = palisade::scope("/api").service(early).service(question).service(responder);
    let _ = scope.service(lifetime).service(borrowed).service(with_items);
}
