//! An extractor of an application's own, whose inside the compiler is not asked about: what can't be had there is refused when a
//! request comes.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::TryFutureExt;
use futures_util::future::MapOk;

/// Takes what the inner extractor takes.
pub struct Inside<T>(pub T);

impl<T: FromRequest> FromRequest for Inside<T> {
    type Error = T::Error;
    type Future = MapOk<T::Future, fn(T) -> Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        T::from_request(request, payload).map_ok(Self as fn(T) -> Self)
    }
}
