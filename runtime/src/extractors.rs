//! Arguments of a handler that the guard provides: the principal, its claims, the loaded row, the row filter.
//!
//! Threat: a handler takes identity or ownership from the request itself (CWE-639). Promise: only a guarded handler can get
//! these arguments, because only the guard stores their values.

use std::any::TypeId;
use std::future::{Ready, ready};
use std::ops::{Deref, DerefMut};

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::authz::OWNER_ISSUER_UNSET;
use crate::headers::CspNonce;
use crate::policy::Resource;
use crate::principal::{ArgumentError, Caller, FromPrincipal, Principal};
use crate::problem::Problem;
use crate::settings::RequestState;
use crate::validation::without_rules::NoInput;

impl FromRequest for Principal {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let help = "a handler takes a `Principal`, but its route does not require one: replace `#[public]` with an attribute \
                    that does, such as `#[authenticated]`";
        ready(principal(request).ok_or(ArgumentError::defect(help)))
    }
}

impl<T: FromPrincipal> FromRequest for Caller<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let principal = Principal::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let found = T::from_principal(&principal.await?, &request).await;
            if let (Err(problem), Some(state)) = (&found, RequestState::of(&request))
                && problem.status().is_server_error()
            {
                // An `Option` around this argument would hide the error.
                state.lookup_failed.set(true);
            }
            found.map(Self)
        })
    }
}

/// It comes from the application's own store, so it is not validated as input.
impl<T> NoInput for Caller<T> {}

fn principal(request: &HttpRequest) -> Option<Principal> {
    RequestState::of(request).and_then(|state| state.principal.get()).cloned()
}

/// It is made for the response.
impl NoInput for CspNonce {}

impl FromRequest for CspNonce {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(nonce(request))
    }
}

/// The nonce of this response, which is made when it is first asked for.
fn nonce(request: &HttpRequest) -> Result<CspNonce, ArgumentError> {
    const NO_PLACE: ArgumentError = ArgumentError::defect(
        "a handler takes a `CspNonce`, but the `Content-Security-Policy` of its route has no place for it: write \
         `#[headers(pages)]` above the handler, or `'nonce-{nonce}'` into its policy",
    );
    let state = RequestState::of(request).ok_or(NO_PLACE)?;
    let application = &state.settings.headers;
    let of_route = state.responses.get().and_then(|of_route| of_route.headers(application));
    if !of_route.unwrap_or(&application.prepared).has_nonce() {
        return Err(NO_PLACE);
    }
    if let Some(known) = state.nonce.get() {
        return Ok(known.clone());
    }
    let new =
        CspNonce::new().ok_or(ArgumentError::defect("the operating system has no random numbers for a `CspNonce`"))?;
    Ok(state.nonce.get_or_init(|| new).clone())
}

/// Claims of the caller's token, deserialized into a type of the application, such as an email that the issuer verified.
///
/// The type is deserialized from the whole claims set; claims without a field are ignored. A caller whose token lacks the claims,
/// or who has no token, gets 403. In these cases `Option<Claims<T>>` is `None`, and also for anonymous callers of
/// `#[optional_auth]`. A `#[public]` route does not read tokens.
///
/// ```
/// use palisade::{Claims, authenticated, get};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Profile {
///     email: String,
///     email_verified: bool,
/// }
///
/// #[get("/profile")]
/// #[authenticated]
/// async fn profile(claims: Claims<Profile>) -> String {
///     if claims.email_verified { claims.email.clone() } else { String::new() }
/// }
/// # let _ = palisade::scope("/api").service(profile);
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "handlers take it apart, as they do with extractors of actix-web")]
pub struct Claims<T>(pub T);

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Claims come from a token that was verified, so they are not validated as input.
impl<T> NoInput for Claims<T> {}

impl<T: DeserializeOwned + 'static> FromRequest for Claims<T> {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let Some(principal) = principal(request) else {
            return ready(Err(ArgumentError::defect(
                "a handler takes `Claims`, but its route does not require a principal: replace `#[public]` with \
                 `#[authenticated]`, or with `#[optional_auth]` and take `Option<Claims<..>>`",
            )));
        };
        let claims = principal.token().and_then(|token| token.claims().ok());
        let help = "the caller's token lacks the claims that the handler takes";
        ready(claims.map(Claims).ok_or(ArgumentError { status: StatusCode::FORBIDDEN, help }))
    }
}

/// The row that the access rule of the route loaded, such as by `#[owner(id, of = Document)]`.
///
/// Only the guard creates one. So a handler that takes it works on the same row that the rule checked, without loading it again.
/// Either the caller owns the row, or the rule admits the caller to it regardless of the owner
/// (`role("admin") || owner(id, of = Document)`). If only another row satisfies the rule, the response is 404: for example
/// `owner(folder, of = Folder) || owner(id, of = Document)` with the caller's folder and another user's document. If the rule
/// has no `of = Document`, the handler does not compile. Inside an extractor of your own the response is then 500, and the mistake
/// is logged.
///
/// ```compile_fail,E0423
/// let forged = palisade::Owned(String::from("somebody else's"));
/// ```
#[derive(Debug)]
pub struct Owned<R>(R);

impl<R> Owned<R> {
    /// The row.
    pub fn into_inner(self) -> R {
        self.0
    }
}

impl<R> Deref for Owned<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0
    }
}

impl<R> DerefMut for Owned<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.0
    }
}

/// A row comes from the application's own store, so it is not validated as input.
impl<R> NoInput for Owned<R> {}

impl<R: Resource> FromRequest for Owned<R> {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let row = RequestState::of(request).and_then(|state| {
            let mut rows = state.rows.borrow_mut();
            let mut of_this_type =
                rows.iter().enumerate().filter(|(_, (kind, _))| *kind == TypeId::of::<R>()).map(|(at, _)| at);
            match (of_this_type.next(), of_this_type.next()) {
                (Some(at), None) => rows.swap_remove(at).1.downcast::<R>().ok(),
                // With two rows of one type it is unclear which one is meant.
                _ => None,
            }
        });
        let help = "a handler takes an `Owned<T>`, but its rule names no row of that type, or two: write \
                    `#[owner(id, of = T)]` or `#[owner_or_admin(id, of = T)]`, once";
        ready(row.map(|row| Owned(*row)).ok_or(ArgumentError::defect(help)))
    }
}

/// Which rows a list may show to the caller: the caller's own rows. An administrator may see the rows of the own tenant, or all
/// rows if the administrator has no tenant.
///
/// Administrators have the role `admin`, or the role that [`admin_role`](crate::PalisadeBuilder::admin_role) names.
/// A handler that puts each field of the filter into its query cannot leak rows by forgetting one (OWASP API1):
///
/// ```
/// use palisade::{RowFilter, authenticated, get};
///
/// #[get("/documents")]
/// #[authenticated]
/// async fn list(filter: RowFilter) -> String {
///     match filter {
///         RowFilter::Subject { subject, tenant } => {
///             format!("SELECT .. WHERE owner = ?1 AND (tenant IS NULL OR tenant = ?2), with {subject} and {tenant:?} bound")
///         }
///         RowFilter::Tenant(tenant) => format!("SELECT .. WHERE tenant = ?1, with {tenant} bound"),
///         RowFilter::Everything => "SELECT ..".to_owned(),
///     }
/// }
/// # let _ = palisade::scope("/api").service(list);
/// ```
///
/// If rows have a tenant ([`Resource::tenant`]), the query must compare both: a list must not show rows for which
/// `#[owner(id, of = ..)]` responds with 404. If rows have no tenant, write `tenant: _`. With several authenticators, a caller of
/// an issuer whose subjects own nothing here (see [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer)) is
/// rejected with 403: another issuer's subject may have the same name. An administrator of a tenant that the application
/// [assigned](crate::Principal::with_assigned_tenant) gets the rows of that tenant, whoever its issuer is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a query must handle each case; a default would show too many rows")]
pub enum RowFilter {
    /// The rows of this subject that belong to no tenant, or to this tenant.
    Subject {
        /// The owner of the rows.
        subject: String,
        /// The tenant of the caller. If it is `None`, only rows without a tenant belong to the caller.
        tenant: Option<String>,
    },
    /// All rows of this tenant, for an administrator who belongs to it: no role gives access to another tenant.
    Tenant(String),
    /// All rows, for an administrator who belongs to no tenant.
    Everything,
}

impl NoInput for RowFilter {}

impl FromRequest for RowFilter {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(row_filter(request))
    }
}

fn row_filter(request: &HttpRequest) -> Result<RowFilter, ArgumentError> {
    let principal = principal(request).ok_or_else(|| {
        ArgumentError::defect(
            "a handler takes a `RowFilter`, but its route does not require a principal: replace `#[public]` with \
             `#[authenticated]`",
        )
    })?;
    let state = RequestState::of(request).ok_or(ArgumentError::defect("palisade is not installed"))?;
    let owns = state.settings.owners.include(&principal).map_err(|_| ArgumentError::defect(OWNER_ISSUER_UNSET))?;
    let admin = &state.settings.admin;
    let administers_tenant = principal.has_assigned_tenant() && principal.has_role(admin.as_str());
    if !owns && !administers_tenant {
        let help = "the subjects of this issuer own no resources here";
        return Err(ArgumentError { status: StatusCode::FORBIDDEN, help });
    }
    // Routes that were given to `PalisadeBuilder::routes` were checked at startup. Other routes are checked here.
    if state.settings.roles.as_ref().is_some_and(|roles| roles.lacks_admin(admin).is_some()) {
        return Err(ArgumentError::defect(
            "a handler takes a `RowFilter`, but the role of administrators is not defined in the application's roles: name it \
             with `Palisade::builder().admin_role(..)`",
        ));
    }
    let tenant = principal.tenant().map(str::to_owned);
    Ok(match (principal.has_role(admin.as_str()), tenant) {
        (true, None) => RowFilter::Everything,
        (true, Some(tenant)) => RowFilter::Tenant(tenant),
        (false, tenant) => RowFilter::Subject { subject: principal.subject().to_owned(), tenant },
    })
}
