//! A decision that only the application can make.

use std::fmt;
use std::future::Future;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;

use crate::principal::Principal;

/// What a predicate of `#[authorize(check(path::to::function))]` answers.
///
/// A `bool` becomes one. The predicate finds the application's state with `request.app_data::<Data<..>>()` and path parameters
/// with `request.match_info()`; the body is not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The principal may.
    Allow,
    /// It may not: 403, unless another alternative of the rule admits it.
    Deny,
    /// That can't be found out now, because a database or service is down: 503, never let through.
    Unavailable,
}

impl From<bool> for Verdict {
    fn from(allow: bool) -> Self {
        if allow { Verdict::Allow } else { Verdict::Deny }
    }
}

type Predicate = for<'a> fn(&'a HttpRequest, &'a Principal) -> LocalBoxFuture<'a, Verdict>;

/// A predicate of the application, as a leaf of a [`Rule`](crate::policy::Rule). It is asked once for a request, and only where the
/// rest of the rule does not decide.
pub struct Check {
    name: &'static str,
    predicate: Predicate,
}

impl Check {
    /// Generated code writes it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, predicate: Predicate) -> Self {
        Self { name, predicate }
    }

    /// The path of the function, as written.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) async fn ask(&self, request: &HttpRequest, principal: &Principal) -> Verdict {
        (self.predicate)(request, principal).await
    }
}

/// Makes the answer of the application's function what [`Check`] holds.
#[doc(hidden)]
pub fn pending<'a, V: Into<Verdict>>(verdict: impl Future<Output = V> + 'a) -> LocalBoxFuture<'a, Verdict> {
    Box::pin(async move { verdict.await.into() })
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// The same name is the same function: a path means one item wherever the rule stands.
impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.name == other.name && std::ptr::fn_addr_eq(self.predicate, other.predicate))
    }
}

impl Eq for Check {}
