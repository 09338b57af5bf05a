//! Decisions of the application.

use std::fmt;
use std::future::Future;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

use crate::principal::Principal;

/// The result of a function in `#[authorize(check(path::to::function))]`.
///
/// The function may also return a `bool`. It gets the state of the application with `request.app_data::<Data<..>>()`, and path
/// parameters with `request.match_info()`. The body is not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "three-valued logic has three values; a fourth could not be combined")]
pub enum Verdict {
    /// The principal is admitted.
    Allow,
    /// The principal is not admitted: 403, unless another alternative of the rule admits it.
    Deny,
    /// The function cannot decide now, because a database or a service is down: 503. The request is never let through.
    Unavailable,
}

impl From<bool> for Verdict {
    fn from(allow: bool) -> Self {
        if allow { Verdict::Allow } else { Verdict::Deny }
    }
}

type Predicate = for<'a> fn(&'a HttpRequest, &'a Principal) -> LocalBoxFuture<'a, Verdict>;

/// A function of the application that is a leaf of a [`Rule`](crate::policy::Rule). It is called at most once for a request, and
/// only if the rest of the rule does not decide.
pub struct Check {
    name: &'static str,
    predicate: Predicate,
}

impl Check {
    /// A predicate with the path of its function. `#[authorize(check(..))]` generates it.
    #[must_use]
    pub const fn new(name: &'static str, predicate: Predicate) -> Self {
        Self { name, predicate }
    }

    /// The path of the function as written in the attribute.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) async fn call(&self, request: &HttpRequest, principal: &Principal) -> Verdict {
        (self.predicate)(request, principal).await
    }
}

/// Boxes the future of an application's predicate, for [`Check`].
pub fn pending<'a, V: Into<Verdict>>(verdict: impl Future<Output = V> + 'a) -> LocalBoxFuture<'a, Verdict> {
    Box::pin(async move { verdict.await.into() })
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// Two checks with the same path are the same function.
impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.name == other.name && std::ptr::fn_addr_eq(self.predicate, other.predicate))
    }
}

impl Eq for Check {}
