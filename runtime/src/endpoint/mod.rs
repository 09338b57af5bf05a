//! A handler together with its policy, as a type.
//!
//! Threat: a handler that is mounted without its checks (CWE-862). Promise: an [`Endpoint`] can be mounted only through a
//! [`Mounter`], and a mounter only mounts guarded handlers; only the attributes make endpoints.

pub(crate) mod arguments;

use std::rc::Rc;

use actix_web::dev::{
    AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory, fn_service,
};
use actix_web::guard::{self, Guard, GuardContext};
use actix_web::http::header::HeaderValue;
use actix_web::web;
use palisade_grammar::template;

pub(crate) use self::arguments::Parts;
use self::arguments::RouteArguments;
use crate::guard::{self as checks, GuardedHandler, HandlerWithChecks, MountPosition, MountedPolicy};
use crate::policy::{Policy, Route, Rule, ScopeDemands};
use crate::reached;

/// A handler whose attributes say who may call it.
///
/// `#[get("/users/{id}")]` and its like make one of an annotated function. It goes into a [`scope`](crate::scope()) or
/// straight into an `App`, by its name.
pub trait Endpoint: RouteArguments + Sized + 'static {
    /// Methods and path template.
    const ROUTE: Route;
    /// What it demands.
    const POLICY: &'static Policy;

    #[doc(hidden)]
    fn mount(self, mounter: Mounter) -> actix_web::Route;
}

/// Where a handler is mounted: with which policy, and inside which scopes. Only this crate makes one.
#[doc(hidden)]
pub struct Mounter {
    position: MountPosition,
    policy: &'static Policy,
    demands: Rc<ScopeDemands>,
}

impl Mounter {
    pub(crate) fn new<E: Endpoint>(demands: Rc<ScopeDemands>) -> Self {
        reached::remember(E::ROUTE.path);
        Self { position: MountPosition::Outermost, policy: E::POLICY, demands }
    }

    /// Mounts the route that `build` returns inside the route's own middleware, which `wrap` adds. The checks run before that
    /// middleware.
    pub fn around(
        self,
        build: impl FnOnce(Self) -> actix_web::Route,
        wrap: impl FnOnce(actix_web::Route) -> actix_web::Route,
    ) -> actix_web::Route {
        let Self { policy, demands, .. } = self;
        let inner = wrap(build(Self { position: MountPosition::InsideWrap, policy, demands: Rc::clone(&demands) }));
        actix_web::Route::new().service(fn_factory(move || {
            let (inner, demands) = (inner.new_service(()), Rc::clone(&demands));
            async move {
                let inner = Rc::new(inner.await?);
                Ok::<_, ()>(fn_service(move |request: ServiceRequest| {
                    reached::mark();
                    let (inner, demands) = (Rc::clone(&inner), Rc::clone(&demands));
                    async move { checks::around(policy, &demands, request, &*inner).await }
                }))
            }
        }))
    }

    /// Takes the place of a handler that cannot be called, in a program that does not compile.
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
        let Mounter { position, policy, demands } = mounter;
        actix_web::Route::new().service(fn_service(move |request: ServiceRequest| {
            reached::mark();
            let (handler, demands) = (self.clone(), Rc::clone(&demands));
            async move {
                let (request, mut payload) = request.into_parts();
                let mounted = MountedPolicy { position, policy, demands: &demands };
                let response = checks::enforce(mounted, &request, &mut payload, &handler).await;
                Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
            }
        }))
    }
}

/// Registers one endpoint on its own, outside of a scope.
#[doc(hidden)]
pub fn register<E: Endpoint>(endpoint: E, app: &mut AppService) {
    for parameter in E::POLICY.rule.parameters() {
        assert!(
            template::parameters(E::ROUTE.path).any(|own| own == parameter),
            "palisade: the rule of `{}` needs `{{{parameter}}}` in its path: put it into `palisade::scope(\"/..{{{parameter}}}..\")`",
            E::POLICY.handler
        );
    }
    // What an `actix_web::web::Scope` around it has in its prefix, nobody says here.
    if app.is_root() {
        let own = template::parameters(E::ROUTE.path).count();
        let short = E::arguments().path_parts.into_iter().find(|parts| !parts.fit(own));
        assert!(
            short.is_none(),
            "palisade: `{}` takes a `Path` of {}, but its path {} has {own}: give the one as many as the other, or put it into the \
             `palisade::scope(\"/..\")` that has the others",
            E::POLICY.handler,
            short.unwrap_or(Parts::Any),
            E::ROUTE.path
        );
    }
    web::resource(E::ROUTE.path)
        .name(resource_name(&E::ROUTE, E::POLICY))
        .guard(Methods::of::<E>())
        .route(endpoint.mount(Mounter::new::<E>(Rc::new(ScopeDemands::new()))))
        .default_service(fallback(Rc::new(ScopeDemands::new()), None))
        .register(app);
}

/// What every endpoint is besides: registered where the `App` is built, and its arguments judged.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    // A unit struct of the user's could have any other name, and would stand in its place.
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

/// The name that the route was given, or that of the handler.
pub(crate) fn resource_name(route: &Route, policy: &Policy) -> &'static str {
    route.name.unwrap_or(policy.handler.name)
}

/// The methods of an endpoint, as a guard. `GET` answers `HEAD` too (RFC 9110 §9.3.2).
pub(crate) struct Methods(pub(crate) &'static [&'static str]);

impl Methods {
    pub(crate) fn of<E: Endpoint>() -> Self {
        Self(E::ROUTE.methods)
    }
}

impl Guard for Methods {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        answers(self.0, context.head().method.as_str())
    }
}

pub(crate) fn answers(methods: &[&str], method: &str) -> bool {
    methods.iter().any(|own| *own == method || (*own == "GET" && method == "HEAD"))
}

/// Spares generated code the path into actix-web.
#[doc(hidden)]
pub fn fn_guard<F: Fn(&GuardContext<'_>) -> bool + 'static>(guard: F) -> impl Guard {
    guard::fn_guard(guard)
}

/// What stands where no endpoint answers: 405 where the path has other methods, else 404; behind the scope's own demands, so
/// that nobody finds out what is there who may call nothing of it.
pub(crate) fn fallback(demands: Rc<ScopeDemands>, allowed: Option<Vec<&'static str>>) -> actix_web::Route {
    static POLICY: Policy = Policy::new(Rule::Public).of("palisade", "fallback");
    let allowed = Rc::new(allowed.unwrap_or_default());
    let allow = HeaderValue::try_from(allowed.join(", ")).ok().filter(|_| !allowed.is_empty());
    actix_web::Route::new().service(fn_service(move |request: ServiceRequest| {
        reached::mark();
        let demands = Rc::clone(&demands);
        // A method that is answered, by an endpoint whose own guard said no, is not a wrong method.
        let allow = allow.clone().filter(|_| !answers(&allowed, request.method().as_str()));
        async move {
            let (request, _payload) = request.into_parts();
            let response = checks::fallback(&POLICY, &demands, &request, allow).await;
            Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
        }
    }))
}
