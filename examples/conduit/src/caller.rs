//! The caller, as handlers use it: the id of a user.

use actix_web::{HttpRequest, http::StatusCode};
use palisade::principal::FromPrincipal;
use palisade::{Principal, Problem};

/// The user whose token the request carries. On a route with `#[optional_auth]` a handler takes an `Option<Caller>`.
pub type Caller = palisade::principal::Caller<User>;

/// See [`Caller`].
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The id of the account.
    pub id: i64,
}

impl FromPrincipal for User {
    async fn from_principal(principal: &Principal, _: &HttpRequest) -> Result<Self, Problem> {
        // Only this server issues tokens, so every subject is the id of a user.
        principal.subject().parse().map(|id| Self { id }).map_err(|_| Problem::new(StatusCode::UNAUTHORIZED))
    }
}
