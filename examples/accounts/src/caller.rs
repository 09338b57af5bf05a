//! Callers that have an account on this server.
//!
//! The threat is a subject of another issuer that equals the id of an account here (ASVS V6.8.1). So handlers that write data
//! of an account take [`Account`], which accepts only subjects of this server's tokens and API keys.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use palisade::{Extractor, Principal, Problem};
use uuid::Uuid;

use crate::{app::AppSessions, error::ApiError};

/// The caller's account. Extraction fails with 403 if the caller has none. It contains no client input: it is derived from the
/// verified credential.
#[derive(Extractor)]
pub struct Account {
    /// The account's id.
    pub id: Uuid,
    /// The authenticated caller.
    pub principal: Principal,
}

impl FromRequest for Account {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let principal = match Principal::from_request(request, payload).into_inner() {
            Ok(principal) => principal,
            Err(error) => return ready(Err(error.into())),
        };
        let own =
            request.app_data::<Data<AppSessions>>().is_some_and(|sessions| sessions.issuer() == principal.issuer());
        let id = Uuid::try_parse(principal.subject()).ok().filter(|_| own);
        ready(id.map(|id| Self { id, principal }).ok_or_else(|| Problem::from(ApiError::NoAccount).into()))
    }
}
