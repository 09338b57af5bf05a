//! Callers that are accounts here.
//!
//! The threat is a subject of another issuer that has the id of an account (ASVS V6.8.1): whatever is written under a caller's
//! name is written for a subject of this server's own tokens and keys.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use palisade::validation::{Input, NotValidated};
use palisade::{Principal, Problem};
use uuid::Uuid;

use crate::{app::AppSessions, error::ApiError};

/// The caller's account; 403 for callers that have none.
pub struct Account {
    /// Its id.
    pub id: Uuid,
    /// How it came.
    pub principal: Principal,
}

/// Nothing of it comes from the request's own words.
impl Input for Account {
    type Kind = NotValidated;
}

impl FromRequest for Account {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let principal = match Principal::from_request(request, payload).into_inner() {
            Ok(principal) => principal,
            Err(error) => return ready(Err(error.into())),
        };
        let own = request.app_data::<Data<AppSessions>>().is_some_and(|ours| ours.issuer() == principal.issuer());
        let id = Uuid::try_parse(principal.subject()).ok().filter(|_| own);
        ready(id.map(|id| Self { id, principal }).ok_or_else(|| Problem::from(ApiError::NoAccount).into()))
    }
}
