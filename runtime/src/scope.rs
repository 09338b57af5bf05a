//! A group of endpoints under one prefix.
//!
//! Threat: the unguarded neighbour: a raw handler between guarded ones, a method that nobody thought of (ASVS V4.1.4).
//! Promise: nothing but endpoints enters; the scope's own quotas hold for every one of them and for every path under the
//! prefix that is none; a wrong method is 405 with `Allow`, and `HEAD` works where `GET` does.

use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory, ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::header::HeaderValue;
use actix_web::{Resource, web};

use crate::endpoint::{Endpoint, Methods, Seat, answers, resource_name};
use crate::guard as checks;
use crate::policy::{Policy, Quota, Route, Rule, ScopeQuota};

/// A scope for endpoints: everything in it declares who may call it.
///
/// An empty prefix groups endpoints without changing their paths; unknown paths are then nobody's, and no quota of the scope
/// counts them. A scope with a prefix owns every path under it: a second one with the same prefix would never be asked.
///
/// ```
/// use std::time::Duration;
/// use actix_web::App;
/// use palisade::{Quota, authenticated, get};
///
/// #[get("/me")]
/// #[authenticated]
/// async fn me(principal: palisade::Principal) -> String {
///     principal.subject().to_owned()
/// }
///
/// let app = App::new().service(
///     palisade::scope("/api")
///         .rate_limit(Quota::new("api", 100, Duration::from_mins(15)))
///         .service(me),
/// );
/// ```
///
/// A handler that is none of palisade's does not get in:
///
/// ```compile_fail,E0277
/// async fn raw() -> &'static str { "open to all" }
/// palisade::scope("/api").service(raw);
/// ```
///
/// # Panics
///
/// When the application is built: if two endpoints answer the same method on the same path, or two templates are the same
/// path with other parameter names, or the prefix and a template in it have a parameter of one name.
pub fn scope(prefix: &str) -> Scope {
    Scope { prefix: prefix.trim_end_matches('/').to_owned(), quotas: Vec::new(), mounts: Vec::new() }
}

/// See [`scope`].
#[must_use]
pub struct Scope {
    prefix: String,
    quotas: Vec<Quota>,
    mounts: Vec<Mount>,
}

struct Mount {
    route: Route,
    policy: &'static Policy,
    mount: Box<dyn FnOnce(Rc<[ScopeQuota]>) -> actix_web::Route>,
}

impl Scope {
    /// A quota that all endpoints of the scope, and all unknown paths in it, draw on together.
    ///
    /// Repeatable: every quota must admit a request. A quota [by principal](crate::By::Principal) counts by address where the
    /// route demands no principal.
    pub fn rate_limit(mut self, quota: Quota) -> Self {
        self.quotas.push(quota);
        self
    }

    /// Adds an endpoint.
    pub fn service<E: Endpoint>(mut self, endpoint: E) -> Self {
        self.mounts.push(Mount {
            route: E::ROUTE,
            policy: E::POLICY,
            mount: Box::new(|quotas| endpoint.mount(Seat::new::<E>(quotas))),
        });
        self
    }
}

impl Scope {
    /// Runs while the application is built: of two parameters of one name nobody could tell which is the owner's.
    fn refuse_shared_parameters(&self) {
        let outer: Vec<&str> = parameters(&self.prefix).collect();
        for mount in &self.mounts {
            for name in parameters(mount.route.path) {
                assert!(
                    !outer.contains(&name),
                    "palisade: the scope {} and `{}` at {} both have a parameter `{name}`: give one another name",
                    self.prefix,
                    mount.policy.handler,
                    mount.route.path
                );
            }
        }
    }
}

impl HttpServiceFactory for Scope {
    fn register(self, app: &mut AppService) {
        self.refuse_shared_parameters();
        let bucketed = |quota: Quota| ScopeQuota { bucket: quota.bucket_of_scope(&self.prefix), quota };
        let quotas: Rc<[ScopeQuota]> = self.quotas.iter().copied().map(bucketed).collect();
        let resources = by_path(self.mounts).into_iter().map(|mounts| resource(mounts, &quotas));
        if self.prefix.is_empty() {
            // A scope without a prefix would swallow every path of the application.
            resources.for_each(|resource| resource.register(app));
        } else {
            resources
                .fold(web::scope(&self.prefix), actix_web::Scope::service)
                .default_service(fallback(quotas, None))
                .register(app);
        }
    }
}

/// One group for each path, in the order in which the paths were first named.
fn by_path(mounts: Vec<Mount>) -> Vec<Vec<Mount>> {
    let mut groups: Vec<Vec<Mount>> = Vec::new();
    for mount in mounts {
        match groups
            .iter_mut()
            .find(|group| group.iter().any(|other| shape(other.route.path) == shape(mount.route.path)))
        {
            Some(group) => {
                refuse_twins(group, &mount);
                group.push(mount);
            }
            None => groups.push(vec![mount]),
        }
    }
    groups
}

/// Runs while the application is built: the second of two equal routes would never be reached.
#[allow(clippy::panic)]
fn refuse_twins(group: &[Mount], new: &Mount) {
    for other in group {
        assert!(
            other.route.path == new.route.path,
            "palisade: `{}` at {} and `{}` at {} are one path, and only the first would be found: give its parameters the \
             same names",
            other.policy.handler,
            other.route.path,
            new.policy.handler,
            new.route.path
        );
        if let Some(method) = new.route.methods.iter().find(|method| other.route.methods.contains(method)) {
            panic!(
                "palisade: `{}` and `{}` both answer {method} {}",
                other.policy.handler, new.policy.handler, new.route.path
            );
        }
    }
}

fn parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split([':', '}']).next())
}

/// The template without the names of its parameters: what the router goes by.
fn shape(template: &str) -> String {
    let mut shape = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        shape.push_str(before);
        shape.push('{');
        rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    }
    shape.push_str(rest);
    shape
}

fn resource(mut mounts: Vec<Mount>, quotas: &Rc<[ScopeQuota]>) -> Resource {
    let allowed = allowed(&mounts);
    // An endpoint that says HEAD itself goes before the one that answers it because it answers GET.
    mounts.sort_by_key(|mount| !mount.route.methods.contains(&"HEAD"));
    let mut resource = mounts.first().map_or_else(
        || web::resource(""),
        |first| web::resource(first.route.path).name(resource_name(&first.route, first.policy)),
    );
    for Mount { route, mount, .. } in mounts {
        resource = resource.route(mount(Rc::clone(quotas)).guard(Methods(route.methods)));
    }
    resource.default_service(fallback(Rc::clone(quotas), Some(allowed)))
}

/// Every method that some endpoint of the path answers.
fn allowed(mounts: &[Mount]) -> Vec<&'static str> {
    let mut methods: Vec<_> = mounts.iter().flat_map(|mount| mount.route.methods).copied().collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods
}

/// What stands where no endpoint answers: 405 where the path has other methods, else 404.
fn fallback(quotas: Rc<[ScopeQuota]>, allowed: Option<Vec<&'static str>>) -> actix_web::Route {
    static POLICY: Policy = Policy::new(Rule::Public).of("palisade", "fallback");
    let allowed = Rc::new(allowed.unwrap_or_default());
    let allow = HeaderValue::try_from(allowed.join(", ")).ok().filter(|_| !allowed.is_empty());
    actix_web::Route::new().service(fn_service(move |request: ServiceRequest| {
        let quotas = Rc::clone(&quotas);
        // A method that is answered, by an endpoint whose own guard said no, is not a wrong method.
        let allow = allow.clone().filter(|_| !answers(&allowed, request.method().as_str()));
        async move {
            let (request, _payload) = request.into_parts();
            let response = checks::fallback(&POLICY, &quotas, &request, allow).await;
            Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
        }
    }))
}
