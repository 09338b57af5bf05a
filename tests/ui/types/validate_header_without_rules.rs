use actix_web::HttpMessage;
use actix_web::error::ParseError;
use actix_web::http::header::{Header, HeaderName, HeaderValue, InvalidHeaderValue, TryIntoHeaderValue};
use actix_web::web::{self, Json};
use palisade::{post, public, validate};
use serde::Deserialize;
use validator::Validate;

struct Priority(u8);

impl TryIntoHeaderValue for Priority {
    type Error = InvalidHeaderValue;

    fn try_into_value(self) -> Result<HeaderValue, Self::Error> {
        HeaderValue::try_from(self.0.to_string())
    }
}

impl Header for Priority {
    fn name() -> HeaderName {
        HeaderName::from_static("x-priority")
    }

    fn parse<M: HttpMessage>(_: &M) -> Result<Self, ParseError> {
        Ok(Self(0))
    }
}

#[derive(Deserialize, Validate)]
struct User {
    #[validate(length(min = 2))]
    name: String,
}

#[post("/users")]
#[public]
#[validate]
async fn create(_priority: web::Header<Priority>, body: Json<User>) -> String {
    body.name.clone()
}

fn main() {}
