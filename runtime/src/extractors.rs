//! What the guard found out, as arguments of a handler.
//!
//! Threat: a handler that takes identity or ownership from the request itself (CWE-639). Promise: only a guarded handler can
//! be given these, because only the guard stores them.

use std::any::TypeId;
use std::future::{Ready, ready};
use std::ops::{Deref, DerefMut};

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use serde::de::DeserializeOwned;

use crate::authz::OWNERS_UNSAID;
use crate::policy::Resource;
use crate::principal::{ArgumentError, Principal};
use crate::settings::RequestState;
use crate::validation::{Input, NotValidated};

impl FromRequest for Principal {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let cure =
            "a handler takes a `Principal`, but its route demands none: replace `#[public]` by an attribute that does";
        ready(principal(request).ok_or(ArgumentError::defect(cure)))
    }
}

fn principal(request: &HttpRequest) -> Option<Principal> {
    request.extensions().get::<RequestState>().and_then(|state| state.principal.get()).cloned()
}

/// Claims of the caller's token, read into a type of the application, such as an email that the issuer vouches for.
///
/// The type sees the whole claims set; what it has no field for is left out. A caller whose token lacks the claims, or that came
/// without a token, gets 403; `Option<Claims<T>>` is `None` then, and for anonymous callers of `#[optional_auth]`. A `#[public]`
/// route looks at no token.
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

/// They come from a token that was verified.
impl<T> Input for Claims<T> {
    type Kind = NotValidated;
}

impl<T: DeserializeOwned + 'static> FromRequest for Claims<T> {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let Some(principal) = principal(request) else {
            return ready(Err(ArgumentError::defect(
                "a handler takes `Claims`, but its route demands no principal: replace `#[public]` by `#[authenticated]`, or by \
                 `#[optional_auth]` and take `Option<Claims<..>>`",
            )));
        };
        let claims = principal.token().and_then(|token| token.claims().ok());
        let cure = "the caller's token has not the claims that the handler takes";
        ready(claims.map(Claims).ok_or(ArgumentError { status: StatusCode::FORBIDDEN, cure }))
    }
}

/// The row that the rule of the route was decided on, by `#[owner(id, of = Document)]` or its like.
///
/// Nobody else can make one, so a handler that takes it works on the very row that was judged, without asking for it again:
/// the caller owns it, or the rule admits the caller to it whoever owns it (`role("admin") || owner(id, of = Document)`). A
/// rule that only another row fulfils (`owner(folder, of = Folder) || owner(id, of = Document)`, for a folder of the
/// caller's and somebody else's document) is 404. Where the rule has no `of = Document` it does not compile; inside an
/// extractor of your own the answer is 500, and a log line says so.
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

/// A row comes from the application's own store.
impl<R> Input for Owned<R> {
    type Kind = NotValidated;
}

impl<R: Resource> FromRequest for Owned<R> {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let row = request.extensions().get::<RequestState>().and_then(|state| {
            let mut rows = state.rows.borrow_mut();
            let mut of_this_type =
                rows.iter().enumerate().filter(|(_, (kind, _))| *kind == TypeId::of::<R>()).map(|(at, _)| at);
            match (of_this_type.next(), of_this_type.next()) {
                (Some(at), None) => rows.swap_remove(at).1.downcast::<R>().ok(),
                // Of two rows of one type nobody could tell which is meant.
                _ => None,
            }
        });
        let cure = "a handler takes an `Owned<T>`, but its rule names no row of that type, or two: write \
                    `#[owner(id, of = T)]` or `#[owner_or_admin(id, of = T)]`, once";
        ready(row.map(|row| Owned(*row)).ok_or(ArgumentError::defect(cure)))
    }
}

/// Whose rows a list may show: the caller's; for administrators, those of their tenant, or everybody's if they have none.
///
/// Administrators have the role `admin`, or the one that [`admin_role`](crate::PalisadeBuilder::admin_role) names.
/// A handler that puts all of it into its query can't leak by forgetting a filter (OWASP API1):
///
/// ```
/// use palisade::{RowFilter, authenticated, get};
///
/// #[get("/documents")]
/// #[authenticated]
/// async fn list(whose: RowFilter) -> String {
///     match whose {
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
/// Where rows have a tenant ([`Resource::tenant`]), the query compares both: a list must not show rows that
/// `#[owner(id, of = ..)]` answers with 404. Where they have none, write `tenant: _`. With several authenticators, a caller whose issuer's subjects own nothing here (see
/// [`resource_owner_issuer`](crate::PalisadeBuilder::resource_owner_issuer)) is refused with 403: it may have the name of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a query must handle each case; a default would show too many rows")]
pub enum RowFilter {
    /// The rows of this subject that belong to no tenant, or to this one.
    Subject {
        /// Who owns them.
        subject: String,
        /// The tenant of the caller. `None`: only rows without a tenant are the caller's.
        tenant: Option<String>,
    },
    /// All rows of this tenant, for an admin that belongs to it: no role crosses tenants.
    Tenant(String),
    /// All rows, for an admin that belongs to no tenant.
    Everything,
}

impl Input for RowFilter {
    type Kind = NotValidated;
}

impl FromRequest for RowFilter {
    type Error = ArgumentError;
    type Future = Ready<Result<Self, ArgumentError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(scoped(request))
    }
}

fn scoped(request: &HttpRequest) -> Result<RowFilter, ArgumentError> {
    let principal = principal(request).ok_or_else(|| {
        ArgumentError::defect(
            "a handler takes a `RowFilter`, but its route demands no principal: replace `#[public]` by `#[authenticated]`",
        )
    })?;
    let extensions = request.extensions();
    let state = extensions.get::<RequestState>().ok_or(ArgumentError::defect("palisade is not installed"))?;
    let owns = state.settings.owners.include(&principal).map_err(|_| ArgumentError::defect(OWNERS_UNSAID))?;
    if !owns {
        let cure = "the subjects of this issuer own nothing here";
        return Err(ArgumentError { status: StatusCode::FORBIDDEN, cure });
    }
    let admin = &state.settings.admin;
    // What was given to `routes` was checked when the application was built; anything else is found out here.
    if state.settings.roles.as_ref().is_some_and(|roles| roles.lacks_admin(admin).is_some()) {
        return Err(ArgumentError::defect(
            "a handler takes a `RowFilter`, and the application's roles lack the one of its administrators: name it with \
             `Palisade::builder().admin_role(..)`",
        ));
    }
    let tenant = principal.tenant().map(str::to_owned);
    Ok(match (principal.has_role(admin.as_str()), tenant) {
        (true, None) => RowFilter::Everything,
        (true, Some(tenant)) => RowFilter::Tenant(tenant),
        (false, tenant) => RowFilter::Subject { subject: principal.subject().to_owned(), tenant },
    })
}
