//! A handler together with its policy, as a type.
//!
//! Threat: a handler that is mounted without its checks (CWE-862). Promise: an [`Endpoint`] can be mounted only through a
//! [`Mounter`], a mounter mounts only guarded handlers, and only the attributes create endpoints.

pub(crate) mod arguments;
mod service;

use std::rc::Rc;

use actix_web::dev::{
    AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory, fn_service,
};
use actix_web::guard::{self, Guard, GuardContext};
use actix_web::http::header::HeaderValue;
use actix_web::web;
use palisade_grammar::template;

pub(crate) use self::arguments::ParameterCount;
use self::arguments::{ArgumentNeeds, RouteArguments};
use self::service::GuardedService;
use crate::guard::{self as checks, GuardedHandler, HandlerWithChecks, MountPosition, MountedPolicy};
use crate::policy::{Policy, Route, Rule, ScopeDemands};
use crate::reached;

/// A handler whose attributes define who may call it.
///
/// `#[get("/users/{id}")]` and the other route attributes create one from an annotated function. Add it by its name to a
/// [`scope`](crate::scope()), or directly to an `App`.
pub trait Endpoint: RouteArguments + Sized + 'static {
    /// The methods and the path template.
    const ROUTE: Route;
    /// The requirements of the endpoint.
    const POLICY: &'static Policy;

    #[doc(hidden)]
    fn mount(self, mounter: Mounter) -> actix_web::Route;
}

/// Mounts a handler with its policy and the demands of its scopes. Only this crate creates one.
pub struct Mounter {
    position: MountPosition,
    policy: &'static Policy,
    demands: Rc<ScopeDemands>,
}

impl Mounter {
    pub(crate) fn new<E: Endpoint>(demands: Rc<ScopeDemands>) -> Self {
        Self::of(E::ROUTE.path, E::POLICY, demands)
    }

    fn of(path: &'static str, policy: &'static Policy, demands: Rc<ScopeDemands>) -> Self {
        reached::remember(path);
        Self { position: MountPosition::Outermost, policy, demands }
    }

    fn mounted(&self) -> Rc<MountedPolicy> {
        Rc::new(MountedPolicy::new(self.position, self.policy, &self.demands))
    }

    /// Mounts the route that `build` returns inside the route's own middleware, which `wrap` adds. The checks run before that
    /// middleware.
    pub fn around(
        self,
        build: impl FnOnce(Self) -> actix_web::Route,
        wrap: impl FnOnce(actix_web::Route) -> actix_web::Route,
    ) -> actix_web::Route {
        let mounted = Rc::new(MountedPolicy::new(MountPosition::Outermost, self.policy, &self.demands));
        let inner = wrap(build(Self { position: MountPosition::InsideWrap, ..self }));
        actix_web::Route::new().service(fn_factory(move || {
            let (inner, mounted) = (inner.new_service(()), Rc::clone(&mounted));
            async move {
                let inner = Rc::new(inner.await?);
                Ok::<_, ()>(fn_service(move |request: ServiceRequest| {
                    reached::mark();
                    let (inner, mounted) = (Rc::clone(&inner), Rc::clone(&mounted));
                    async move { checks::around(&mounted, request, &*inner).await }
                }))
            }
        }))
    }

    /// Replaces a handler that cannot be called, in a program that does not compile.
    pub fn never(self) -> actix_web::Route {
        actix_web::Route::new()
    }
}

impl<F, Arguments, V, K> HandlerWithChecks<F, Arguments, V, K>
where
    Self: GuardedHandler,
{
    /// Mounts the handler behind its checks.
    pub fn mount(self, mounter: Mounter) -> actix_web::Route {
        let mounted = mounter.mounted();
        actix_web::Route::new().service(GuardedService(move |request: ServiceRequest| {
            reached::mark();
            let (request, payload) = request.into_parts();
            checks::enforce(Rc::clone(&mounted), request, payload, self.clone())
        }))
    }
}

/// Registers one endpoint outside any scope. Only what depends on its type is compiled for each endpoint.
pub fn register<E: Endpoint>(endpoint: E, app: &mut AppService) {
    let mounter = Mounter::new::<E>(Rc::new(ScopeDemands::new()));
    register_route(&E::ROUTE, E::POLICY, E::arguments(), app, endpoint.mount(mounter));
}

fn register_route(
    route: &Route,
    policy: &'static Policy,
    arguments: ArgumentNeeds,
    app: &mut AppService,
    mounted: actix_web::Route,
) {
    for parameter in policy.rule.parameters() {
        assert!(
            template::parameters(route.path).any(|own| own == parameter),
            "palisade: the rule of `{}` needs the parameter `{{{parameter}}}` in its path: add the endpoint to \
             `palisade::scope(\"/..{{{parameter}}}..\")`",
            policy.handler
        );
    }
    // The parameters of an `actix_web::web::Scope` around the endpoint are not known here.
    if app.is_root() {
        let own = template::parameters(route.path).count();
        for count in arguments.parameter_counts {
            let help = match count {
                ParameterCount::Never => "",
                _ => ". If a scope has the other parameters, add the endpoint to that `palisade::scope(\"/..\")`",
            };
            let mistake = count.mistake(policy.handler, route.path, own);
            assert!(mistake.is_none(), "palisade: {}{help}", mistake.unwrap_or_default());
        }
    }
    web::resource(route.path)
        .name(resource_name(route, policy))
        .guard(Methods(route.methods))
        .route(mounted)
        .default_service(fallback(Rc::new(ScopeDemands::new()), None))
        .register(app);
}

/// Implements the other traits of each endpoint: registration when the `App` is built, and the checks of its arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    // The parameter has a `__` prefix, because a unit struct of the application with its name would turn it into a pattern.
    ($(#[$attribute:meta])* $endpoint:ident; $($arguments:tt)*) => {
        $(#[$attribute])*
        impl $crate::__v1::HttpServiceFactory for $endpoint {
            fn register(self, __app: &mut $crate::__v1::AppService) {
                $crate::__v1::register(self, __app);
            }
        }

        $(#[$attribute])*
        impl $crate::__v1::RouteArguments for $endpoint {
            $crate::__arguments!($($arguments)*);
        }
    };
}

/// The declared name of the route, or the name of the handler.
pub(crate) fn resource_name(route: &Route, policy: &Policy) -> &'static str {
    route.name.unwrap_or(policy.handler.name)
}

/// The methods of an endpoint, as a guard. `GET` also serves `HEAD` (RFC 9110 §9.3.2).
pub(crate) struct Methods(pub(crate) &'static [&'static str]);

impl Guard for Methods {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        serves(self.0, context.head().method.as_str())
    }
}

fn serves(methods: &[&str], method: &str) -> bool {
    methods.iter().any(|own| *own == method || (*own == "GET" && method == "HEAD"))
}

/// Re-exports `fn_guard`, so that generated code does not need a path into actix-web.
pub fn fn_guard<F: Fn(&GuardContext<'_>) -> bool + 'static>(guard: F) -> impl Guard {
    guard::fn_guard(guard)
}

/// The route for requests that no endpoint serves: 405 if the path has other methods, otherwise 404. The scope's own demands
/// apply first, so that a caller without access cannot find out which paths exist.
pub(crate) fn fallback(demands: Rc<ScopeDemands>, allowed: Option<Vec<&'static str>>) -> actix_web::Route {
    static POLICY: Policy = Policy::new(Rule::Public).of("palisade", "fallback");
    let mounted = Rc::new(MountedPolicy::new(MountPosition::Outermost, &POLICY, &demands));
    let allowed = Rc::new(allowed.unwrap_or_default());
    let allow = HeaderValue::try_from(allowed.join(", ")).ok().filter(|_| !allowed.is_empty());
    actix_web::Route::new().service(fn_service(move |request: ServiceRequest| {
        reached::mark();
        let mounted = Rc::clone(&mounted);
        // If an endpoint serves the method, but its own guard rejected the request, the method is not wrong.
        let allow = allow.clone().filter(|_| !serves(&allowed, request.method().as_str()));
        async move {
            let (request, _payload) = request.into_parts();
            let response = checks::fallback(&mounted, &request, allow).await;
            Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
        }
    }))
}
