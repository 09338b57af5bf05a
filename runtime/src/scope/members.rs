//! The members of a scope: endpoints, inner scopes and guarded services.
//!
//! Threat: a service without a policy beside guarded endpoints (CWE-862). Promise: each member has a policy, and a scope accepts no
//! other type.

use std::any::TypeId;
use std::fmt;
use std::rc::Rc;

use actix_web::dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory, fn_service};
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use super::Scope;
use crate::endpoint::arguments::ArgumentNeeds;
use crate::endpoint::{Endpoint, Guards, Mounter};
use crate::function::Function;
use crate::guard::absent_response;
use crate::policy::{Policy, Route, Rule, ScopeDemands};
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;

/// A member of a [`Scope`], as [`Guarded`] returns it.
pub struct ScopeItem(pub(super) ScopeItemKind);

impl fmt::Debug for ScopeItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ScopeItemKind::Endpoint(mount) => f.debug_tuple("Endpoint").field(&mount.route).finish(),
            ScopeItemKind::Scope(scope) => scope.fmt(f),
        }
    }
}

pub(super) enum ScopeItemKind {
    Endpoint(Mount),
    Scope(Box<Scope>),
}

/// A route that is not mounted yet.
pub(super) struct Mount {
    pub(super) route: Route,
    pub(super) policy: &'static Policy,
    /// The requirements of its arguments.
    pub(super) needs: ArgumentNeeds,
    pub(super) guards: Guards,
    /// Why it cannot be mounted as it is written.
    pub(super) problem: Option<&'static str>,
    /// The resource whose metadata it serves.
    #[cfg(feature = "oauth")]
    pub(super) metadata_of: Option<ProtectedResource>,
    pub(super) mount: Box<dyn FnOnce(Rc<ScopeDemands>) -> actix_web::Route>,
}

impl Mount {
    pub(super) fn of<E: Endpoint>(route: Route, endpoint: E) -> Self {
        let mount = Box::new(|demands| endpoint.mount(Mounter::new::<E>(demands)));
        Self {
            route,
            policy: E::POLICY,
            needs: E::arguments(),
            guards: E::guards(),
            problem: None,
            #[cfg(feature = "oauth")]
            metadata_of: None,
            mount,
        }
    }

    /// A service behind a rule.
    fn of_service(route: Route, policy: &'static Policy, service: actix_web::Route) -> Self {
        let mount = move |demands| {
            let mounter = Mounter::of(route.path, policy, demands);
            mounter.around_service(only_plain_paths(service))
        };
        let (needs, guards) = (ArgumentNeeds::default(), Guards::default());
        Self {
            route,
            policy,
            needs,
            guards,
            problem: None,
            #[cfg(feature = "oauth")]
            metadata_of: None,
            mount: Box::new(mount),
        }
    }
}

/// A service that never sees a path with a `.`, a `..` or an empty segment. It might resolve such a path to what is mounted elsewhere
/// with a stricter rule.
fn only_plain_paths(service: actix_web::Route) -> actix_web::Route {
    actix_web::Route::new().service(fn_factory(move || {
        let service = service.new_service(());
        async move {
            let service = Rc::new(service.await?);
            Ok::<_, ()>(fn_service(move |request: ServiceRequest| {
                let service = Rc::clone(&service);
                async move {
                    if is_plain(request.match_info().unprocessed()) {
                        return service.call(request).await;
                    }
                    let response = absent_response(request.request());
                    Ok(request.into_response(response))
                }
            }))
        }
    }))
}

/// Whether each segment has a name. The last one may be empty, for a folder. The router has decoded most characters once.
fn is_plain(rest: &str) -> bool {
    let decoded = percent_decode_str(rest).decode_utf8_lossy();
    let inner = decoded.trim_start_matches('/');
    let has_extra_slash = decoded.len().saturating_sub(inner.len()) > 1;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let is_named = |segment: &str| !matches!(segment, "" | "." | "..");
    !has_extra_slash && !decoded.contains('\\') && (inner.is_empty() || inner.split('/').all(is_named))
}

/// A value that a [`Scope`] accepts: an [`Endpoint`], another scope, a [`guarded`] service, or a function that returns an endpoint.
///
/// A generic handler is a function that returns its endpoint, so both `list::<Postgres>` and `list::<Postgres>()` are accepted. The
/// type parameter only keeps these cases apart.
#[diagnostic::on_unimplemented(
    message = "route `{Self}` declares no access policy",
    label = "not an endpoint of palisade",
    note = "if it has actix-web's own route attribute, import palisade's instead: write `use palisade::get;` instead of \
            `use actix_web::get;`. It takes the same path and options",
    note = "write `#[palisade::get(\"/..\")]` (or `post`, `put`, ..) above the handler, with an attribute that defines who may call it: \
            `#[public]`, `#[authenticated]`, `#[require_role(\"..\")]`, `#[owner(id)]`, `#[owner_or_admin(id)]` or \
            `#[authorize(..)]`",
    note = "for a service of another crate, such as the static files of `actix-files`, write `palisade::scope::guarded(\"/..\", service, rule)`",
    note = "a handler under actix-web's own route attribute, or with none, is guarded by its access attributes, but belongs in an `App` \
            and not in a `palisade::scope`"
)]
pub trait Guarded<Form = ()> {
    /// Called by [`Scope::service`].
    fn into_item(self) -> ScopeItem;
}

impl<E: Endpoint> Guarded for E {
    fn into_item(self) -> ScopeItem {
        ScopeItem(ScopeItemKind::Endpoint(Mount::of(E::ROUTE, self)))
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce() -> E, E: Endpoint> Guarded<fn() -> E> for F {
    fn into_item(self) -> ScopeItem {
        self().into_item()
    }
}

/// Adds an endpoint at another route than its own, so that a bench has thousands of routes without as many types.
#[cfg(feature = "testing")]
pub fn add_at(mut scope: Scope, route: Route, endpoint: impl Endpoint) -> Scope {
    scope.items.push(ScopeItem(ScopeItemKind::Endpoint(Mount::of(route, endpoint))));
    scope
}

impl Guarded for Scope {
    fn into_item(self) -> ScopeItem {
        ScopeItem(ScopeItemKind::Scope(Box::new(self)))
    }
}

/// A service of another crate, mounted at a path with a rule: see [`guarded`].
#[must_use]
pub struct MountedService(Mount);

impl fmt::Debug for MountedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MountedService").field(&self.0.route).finish()
    }
}

impl Guarded for MountedService {
    fn into_item(self) -> ScopeItem {
        ScopeItem(ScopeItemKind::Endpoint(self.0))
    }
}

/// Mounts a service of another crate at a path of a scope, with the rule that decides who may call it.
///
/// The service gets each request for the path and for the paths below it, with any method, after the rule and the demands of the
/// scopes admitted it. What the service does with a request, such as reading its body, is not limited by palisade. In the policy table
/// its method is `*` and its path ends with `/*`.
///
/// A path below it with a `.`, a `..` or an empty segment is 404, also if it is encoded.
///
/// Danger:
///
/// - Guards that were added to the service itself, such as by `Files::guard`, are not asked: use [`Scope::guard`]. A `Route` of actix-web
///   is a configuration error for this reason.
/// - Do not mount a folder that contains another one with a stricter rule: a link or a file system that ignores case leads from one to
///   the other.
///
/// The static files of `actix-files`, for signed-in callers only. The files are mounted at `"/"`, because `guarded` has the path
/// already:
///
/// ```
/// use actix_files::Files;
/// use palisade::policy::Rule;
/// use palisade::scope::guarded;
///
/// let scope = palisade::scope("/app")
///     .service(guarded("/assets", Files::new("/", "./assets"), Rule::Public))
///     .service(guarded("/reports", Files::new("/", "./reports"), Rule::Role("auditor")));
/// assert_eq!(scope.policies().rows()[1].path(), "/app/reports/*");
/// ```
///
/// # Panics
///
/// As for each member of a scope, a mistake in the path is found when the application is built: see [`Scope::verify`].
#[track_caller]
pub fn guarded<S>(path: &'static str, service: S, rule: Rule) -> MountedService
where
    S: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
{
    let name = std::any::type_name::<S>().split(['<', '{']).next().unwrap_or_default();
    let (module, name) = name.rsplit_once("::").unwrap_or(("", name));
    let policy = remembered(Policy::new(rule).of(module, name));
    let is_route = TypeId::of::<S>() == TypeId::of::<actix_web::Route>();
    let route = Route::below(path.trim_end_matches('/'));
    let mut mount = Mount::of_service(route, policy, actix_web::Route::new().service(service));
    mount.problem = is_route.then_some(
        "is a `Route` of actix-web, whose method and guards would not be asked: write a route attribute above its handler instead",
    );
    MountedService(mount)
}

/// The policy, with a lifetime of the process. Equal policies are kept once, because each worker mounts the same ones.
fn remembered(policy: Policy) -> &'static Policy {
    static KNOWN: Mutex<Vec<&'static Policy>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock();
    if let Some(equal) = known.iter().find(|own| ***own == policy) {
        return equal;
    }
    let policy = Box::leak(Box::new(policy));
    known.push(policy);
    policy
}

/// A value that can respond for the unknown paths of a scope: an annotated function without a route attribute, or a [`guarded`]
/// service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the default service of a scope, because it declares no access policy",
    label = "not an annotated function",
    note = "write an attribute that defines who may call it, such as `#[public]`, above an `async fn`, without a route attribute, and pass \
            its name without `web::to(..)`",
    note = "for a service of another crate, write `palisade::scope::guarded(\"\", service, rule)`"
)]
pub trait DefaultService {
    /// Called by [`Scope::default_service`].
    fn into_default(self) -> ScopeItem;
}

impl DefaultService for Function {
    fn into_default(self) -> ScopeItem {
        let (policy, needs) = (self.policy(), ArgumentNeeds::default());
        let mount = Box::new(move |demands| self.mount(Mounter::of("", policy, demands)));
        let route = Route::unknown_paths();
        ScopeItem(ScopeItemKind::Endpoint(Mount {
            route,
            policy,
            needs,
            guards: Guards::default(),
            problem: None,
            #[cfg(feature = "oauth")]
            metadata_of: None,
            mount,
        }))
    }
}

impl DefaultService for MountedService {
    fn into_default(self) -> ScopeItem {
        let mut mount = self.0;
        if !mount.route.path.is_empty() {
            mount.problem = Some("is a default service, which has no path: write `guarded(\"\", service, rule)`");
        }
        mount.route = Route::unknown_paths();
        ScopeItem(ScopeItemKind::Endpoint(mount))
    }
}
