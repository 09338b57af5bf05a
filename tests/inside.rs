//! A wrapper extractor that hides its inner extractor from the compile-time checks, so that an extractor that cannot
//! work is rejected only at request time.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::TryFutureExt;
use futures_util::future::MapOk;

/// Extracts with the inner extractor.
pub struct Inside<T>(pub T);

impl<T: FromRequest> FromRequest for Inside<T> {
    type Error = T::Error;
    type Future = MapOk<T::Future, fn(T) -> Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        T::from_request(request, payload).map_ok(Self as fn(T) -> Self)
    }
}
