//! The same types with the rules of both crates.

use actix_multipart::form::MultipartForm;
use actix_web::HttpMessage;
use actix_web::error::ParseError;
use actix_web::http::header::{
    Header, HeaderName, HeaderValue, InvalidHeaderValue, TryIntoHeaderValue, from_one_raw_str,
};
use palisade::input::{Json, Text};
use serde::Deserialize;
use validator::Validate as _;

/// What the handlers return for a sound input.
pub trait Shown {
    fn show(&self) -> String;
}

impl<T: Shown> Shown for Vec<T> {
    fn show(&self) -> String {
        self.iter().map(Shown::show).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! types {
    ($module:ident, $rules:ident: $length:meta, $range:meta, $nested:meta) => {
        pub mod $module {
            use super::*;

            #[derive(Deserialize, $rules::Validate)]
            pub struct Address {
                #[$length]
                city: String,
            }

            #[derive(Deserialize, $rules::Validate)]
            #[serde(rename_all = "camelCase")]
            pub struct Order {
                #[$length]
                user_name: String,
                #[$range]
                qty: u8,
                #[$nested]
                address: Address,
            }

            /// A form and a query have no nested fields, but a type can have some.
            #[derive(Deserialize, $rules::Validate)]
            #[serde(rename_all = "camelCase")]
            pub struct Flat {
                #[$length]
                user_name: String,
                #[$range]
                qty: u8,
                #[serde(flatten)]
                #[$nested]
                address: Address,
            }

            #[derive(Deserialize, $rules::Validate)]
            #[serde(rename_all = "camelCase")]
            pub struct Place {
                #[$length]
                user_name: String,
                #[$range]
                qty: u8,
            }

            /// A header of the application: `x-level: 7`.
            #[derive($rules::Validate)]
            pub struct Level {
                #[$range]
                level: u8,
            }

            impl TryIntoHeaderValue for Level {
                type Error = InvalidHeaderValue;

                fn try_into_value(self) -> Result<HeaderValue, InvalidHeaderValue> {
                    HeaderValue::try_from(self.level.to_string())
                }
            }

            impl Header for Level {
                fn name() -> HeaderName {
                    HeaderName::from_static("x-level")
                }

                fn parse<M: HttpMessage>(message: &M) -> Result<Self, ParseError> {
                    from_one_raw_str(message.headers().get(Self::name())).map(|level| Self { level })
                }
            }

            impl Shown for Order {
                fn show(&self) -> String {
                    format!("{} {} {}", self.user_name, self.qty, self.address.city)
                }
            }

            impl Shown for Flat {
                fn show(&self) -> String {
                    format!("{} {} {}", self.user_name, self.qty, self.address.city)
                }
            }

            impl Shown for Place {
                fn show(&self) -> String {
                    format!("{} {}", self.user_name, self.qty)
                }
            }

            impl Shown for Level {
                fn show(&self) -> String {
                    self.level.to_string()
                }
            }
        }
    };
}
types!(by_validator, validator: validate(length(max = 5)), validate(range(max = 9)), validate(nested));
types!(by_garde, garde: garde(length(max = 5)), garde(range(max = 9)), garde(dive));

/// The rules of `validator` reach through an extractor. Those of `garde` do not: a part has them only by a rule of its own.
#[derive(MultipartForm, validator::Validate)]
pub struct Upload {
    #[multipart(rename = "userName")]
    #[validate(length(max = 5))]
    user_name: Text<String>,
    #[validate(nested)]
    order: Json<by_validator::Order>,
}

#[derive(MultipartForm, garde::Validate)]
pub struct GardeUpload {
    #[multipart(rename = "userName")]
    #[garde(custom(at_most_five))]
    user_name: Text<String>,
    #[garde(custom(is_valid))]
    order: Json<by_garde::Order>,
}

fn at_most_five(text: &Text<String>, (): &()) -> garde::Result {
    if text.len() <= 5 { Ok(()) } else { Err(garde::Error::new("Must be short.")) }
}

fn is_valid(order: &Json<by_garde::Order>, (): &()) -> garde::Result {
    garde::Validate::validate(&**order).map_err(|_| garde::Error::new("Must be a valid order."))
}

impl Shown for Upload {
    fn show(&self) -> String {
        format!("{} {}", *self.user_name, self.order.show())
    }
}

impl Shown for GardeUpload {
    fn show(&self) -> String {
        format!("{} {}", *self.user_name, self.order.show())
    }
}
