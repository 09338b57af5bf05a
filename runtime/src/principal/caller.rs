//! The caller as a type of the application, such as its row in a table of users.
//!
//! Threat: each handler looks up its caller by itself, and one of them takes the id from the request (CWE-639). Promise: the
//! application says once how a principal becomes its type, and a handler gets that type only behind the guard.

use std::fmt;
use std::future::Future;
use std::ops::Deref;

use actix_web::HttpRequest;

use super::Principal;
use crate::problem::Problem;

/// A type of the application that a handler takes as [`Caller<T>`].
///
/// ```
/// use std::collections::HashMap;
///
/// use actix_web::HttpRequest;
/// use actix_web::web::Data;
/// use palisade::principal::{Caller, FromPrincipal};
/// use palisade::{Principal, Problem, authenticated, get};
///
/// #[derive(Clone)]
/// struct User {
///     email: String,
/// }
///
/// impl FromPrincipal for User {
///     async fn from_principal(principal: &Principal, request: &HttpRequest) -> Result<Self, Problem> {
///         let users = request.app_data::<Data<HashMap<String, User>>>().ok_or(Problem::unavailable())?;
///         users.get(principal.subject()).cloned().ok_or(Problem::forbidden())
///     }
/// }
///
/// #[get("/me")]
/// #[authenticated]
/// async fn me(user: Caller<User>) -> String {
///     user.email.clone()
/// }
/// # let _ = palisade::scope("/api").service(me);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made from a principal",
    label = "does not implement `palisade::principal::FromPrincipal`",
    note = "write `impl palisade::principal::FromPrincipal for {Self}`, with the function `from_principal`, which looks it up"
)]
pub trait FromPrincipal: Sized + 'static {
    /// Looks up the value. It finds the state of the application in the request, and must not use its body.
    ///
    /// # Errors
    ///
    /// The response: [`Problem::forbidden`] if the caller has no such value, [`Problem::unavailable`] if a store is down.
    fn from_principal(principal: &Principal, request: &HttpRequest) -> impl Future<Output = Result<Self, Problem>>;
}

/// The caller of a route as a type of the application. A handler takes it as an argument: see [`FromPrincipal`].
///
/// It is available where a [`Principal`] is: not on a public route, and as an `Option` on an `#[optional_auth]` route. The `Option` is
/// `None` for an anonymous caller, and for one whose look-up failed with a status below 500. If the look-up failed with 500 or above,
/// the response is 503 in any case: an outage does not make a caller anonymous. To reject a
/// deleted user on every route, use [`PalisadeBuilder::principals`](crate::PalisadeBuilder::principals).
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "handlers take it apart, as they do with extractors of actix-web")]
pub struct Caller<T>(pub T);

impl<T> Deref for Caller<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Display> fmt::Display for Caller<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
