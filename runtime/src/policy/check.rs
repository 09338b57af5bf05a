//! Decisions of the application.

use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use actix_web::HttpRequest;
use futures_util::future::LocalBoxFuture;
use parking_lot::Mutex;

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

type Plain = for<'a> fn(&'a HttpRequest, &'a Principal) -> LocalBoxFuture<'a, Verdict>;
type WithParameters = for<'a> fn(&'a HttpRequest, &'a Principal, &'a [Cow<'a, str>]) -> LocalBoxFuture<'a, Verdict>;

#[derive(Clone, Copy)]
enum AskedFunction {
    Plain(Plain),
    /// It also gets the values of these path parameters.
    WithParameters(&'static [&'static str], WithParameters),
    /// A function that was passed as a value.
    Value(&'static dyn ErasedPredicate),
}

trait ErasedPredicate: Send + Sync {
    fn ask<'a>(&'a self, request: &'a HttpRequest, principal: &'a Principal) -> LocalBoxFuture<'a, Verdict>;
}

struct Erased<F, V>(F, PhantomData<fn() -> V>);

impl<F, V> ErasedPredicate for Erased<F, V>
where
    F: AsyncFn(&HttpRequest, &Principal) -> V + Send + Sync,
    V: Into<Verdict>,
{
    fn ask<'a>(&'a self, request: &'a HttpRequest, principal: &'a Principal) -> LocalBoxFuture<'a, Verdict> {
        Box::pin(async move { (self.0)(request, principal).await.into() })
    }
}

/// A function of the application that is a leaf of a [`Rule`](crate::policy::Rule). It is called at most once for a request, and
/// only if the rest of the rule does not decide.
pub struct Check {
    name: &'static str,
    predicate: AskedFunction,
}

impl Check {
    /// A predicate with the path of its function. `#[authorize(check(..))]` generates it.
    #[must_use]
    pub const fn new(name: &'static str, predicate: Plain) -> Self {
        Self { name, predicate: AskedFunction::Plain(predicate) }
    }

    /// A predicate that also gets the decoded values of these path parameters. `#[authorize(check(..))]` generates it.
    #[must_use]
    pub const fn with_parameters(
        name: &'static str,
        parameters: &'static [&'static str],
        predicate: WithParameters,
    ) -> Self {
        Self { name, predicate: AskedFunction::WithParameters(parameters, predicate) }
    }

    /// A predicate with a lifetime of the process. A function without captured values is kept once, because each worker builds its
    /// scopes.
    pub(super) fn kept<F, V>(function: F) -> &'static Self
    where
        F: AsyncFn(&HttpRequest, &Principal) -> V + Send + Sync + 'static,
        V: Into<Verdict> + 'static,
    {
        static KNOWN: Mutex<Vec<(TypeId, &'static Check)>> = Mutex::new(Vec::new());
        let (of, is_stateless) = (TypeId::of::<F>(), size_of::<F>() == 0);
        let mut known = KNOWN.lock();
        if is_stateless && let Some((_, check)) = known.iter().find(|(own, _)| *own == of) {
            return check;
        }
        let predicate = AskedFunction::Value(Box::leak(Box::new(Erased(function, PhantomData))));
        let check: &'static Self = Box::leak(Box::new(Self { name: type_name::<F>(), predicate }));
        if is_stateless {
            known.push((of, check));
        }
        check
    }

    /// The path of the function as written in the attribute, with its arguments.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The path parameters whose values it gets.
    pub(crate) const fn parameters(&self) -> &'static [&'static str] {
        match self.predicate {
            AskedFunction::WithParameters(parameters, _) => parameters,
            AskedFunction::Plain(_) | AskedFunction::Value(_) => &[],
        }
    }

    /// `values` are those of its [`parameters`](Self::parameters).
    pub(crate) async fn call(&self, request: &HttpRequest, principal: &Principal, values: &[Cow<'_, str>]) -> Verdict {
        match self.predicate {
            AskedFunction::Plain(predicate) => predicate(request, principal).await,
            AskedFunction::WithParameters(_, predicate) => predicate(request, principal, values).await,
            AskedFunction::Value(predicate) => predicate.ask(request, principal).await,
        }
    }
}

/// The value of a path parameter, for a generated call of a predicate. There is one for each parameter.
#[must_use]
pub fn value<'v>(values: &'v [Cow<'v, str>], index: usize) -> &'v str {
    values.get(index).map_or("", |value| value)
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
        let is_same_function = || match (self.predicate, other.predicate) {
            (AskedFunction::Plain(own), AskedFunction::Plain(other)) => std::ptr::fn_addr_eq(own, other),
            (AskedFunction::WithParameters(own_names, own), AskedFunction::WithParameters(names, other)) => {
                own_names == names && std::ptr::fn_addr_eq(own, other)
            }
            _ => false,
        };
        std::ptr::eq(self, other) || (self.name == other.name && is_same_function())
    }
}

impl Eq for Check {}
