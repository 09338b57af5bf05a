//! A handler together with its policy, as a type.
//!
//! Threat: a handler that is mounted without its checks (CWE-862). Promise: an [`Endpoint`] can be mounted only through a
//! [`Mounter`], a mounter mounts only guarded handlers, and only the attributes create endpoints.

pub(crate) mod arguments;
mod service;

use std::future::ready;
use std::rc::Rc;

use actix_web::dev::{
    AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory, fn_service,
};
use actix_web::guard::{Guard, GuardContext, fn_guard};
use actix_web::{Error, web};
use palisade_grammar::template;

pub(crate) use self::arguments::ParameterCount;
use self::arguments::{ArgumentNeeds, InputArgument, RouteArguments};
use self::service::GuardedService;
use crate::guard::{self as checks, GuardedHandler, HandlerWithChecks, MountPosition, MountedPolicy};
use crate::policy::{Policy, Route, Rule, ScopeDemands};
use crate::rate_limit::InputPlace;
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

    /// The guards of the route attribute. A request that one of them rejects is routed as if the endpoint did not exist.
    fn guards() -> Guards {
        Guards::default()
    }

    #[doc(hidden)]
    fn mount(self, mounter: Mounter) -> actix_web::Route;
}

/// The guards of a route, as actix-web defines them: they decide which route gets a request, not who may call it. A route attribute
/// creates them from its `guard` options.
#[derive(Clone, Default)]
pub struct Guards(pub(crate) Vec<Rc<dyn Guard>>);

impl Guards {
    /// Adds a function as a guard.
    #[must_use]
    pub fn and<F: Fn(&GuardContext<'_>) -> bool + 'static>(mut self, guard: F) -> Self {
        self.0.push(Rc::new(fn_guard(guard)));
        self
    }

    pub(crate) fn accept(&self, request: &GuardContext<'_>) -> bool {
        self.0.iter().all(|guard| guard.check(request))
    }
}

/// Mounts a handler with its policy and the demands of its scopes. Only this crate creates one.
pub struct Mounter {
    position: MountPosition,
    policy: &'static Policy,
    demands: Rc<ScopeDemands>,
    /// Where the fields are by which the scopes count.
    input_fields: Vec<(&'static str, InputPlace)>,
    inputs: Vec<InputArgument>,
}

impl Mounter {
    pub(crate) fn new<E: Endpoint>(demands: Rc<ScopeDemands>) -> Self {
        let mut mounter = Self::of(E::ROUTE.path, E::POLICY, demands);
        let names = mounter.demands.rate_limits.iter().flat_map(|own| own.rate_limit.input_fields());
        let arguments = E::arguments();
        mounter.input_fields = names.filter_map(|name| Some((name, arguments.place_of(name).ok()?))).collect();
        mounter.inputs = arguments.inputs;
        mounter
    }

    pub(crate) fn of(path: &'static str, policy: &'static Policy, demands: Rc<ScopeDemands>) -> Self {
        reached::remember(path);
        Self { position: MountPosition::Outermost, policy, demands, input_fields: Vec::new(), inputs: Vec::new() }
    }

    pub(crate) fn mounted(&self) -> Rc<MountedPolicy> {
        let mounted = MountedPolicy::new(self.position, self.policy, &self.demands);
        Rc::new(mounted.with_inputs(&self.inputs, &self.input_fields))
    }

    /// Mounts the route that `build` returns inside the route's own middleware, which `wrap` adds, and inside the middleware of
    /// its scopes. The checks run before all of them.
    pub fn around(
        self,
        build: impl FnOnce(Self) -> actix_web::Route,
        wrap: impl FnOnce(actix_web::Route) -> actix_web::Route,
    ) -> actix_web::Route {
        let (mounted, demands) = (self.mounted(), Rc::clone(&self.demands));
        let inner = wrap(build(Self { position: MountPosition::InsideWrap, ..self }));
        checked_route(mounted, demands.wrapped(inner))
    }

    /// Mounts a service of another crate inside the checks and the middleware of its scopes.
    pub(crate) fn around_service(mut self, service: actix_web::Route) -> actix_web::Route {
        self.position = MountPosition::AroundService;
        checked_route(self.mounted(), self.demands.wrapped(service))
    }

    /// Whether the middleware of a scope is to be mounted around the handler.
    pub(crate) fn has_wraps(&self) -> bool {
        matches!(self.position, MountPosition::Outermost) && !self.demands.wraps.is_empty()
    }

    /// Replaces a handler that cannot be called, in a program that does not compile.
    pub fn never(self) -> actix_web::Route {
        actix_web::Route::new()
    }
}

/// A route whose checks run before it. The guards of `inner` are not asked.
fn checked_route(mounted: Rc<MountedPolicy>, inner: actix_web::Route) -> actix_web::Route {
    actix_web::Route::new().service(fn_factory(move || {
        let (inner, mounted) = (inner.new_service(()), Rc::clone(&mounted));
        async move {
            let inner = Rc::new(inner.await?);
            Ok::<_, ()>(fn_service(move |mut request: ServiceRequest| {
                reached::mark();
                mounted.enter(&mut request);
                let (inner, mounted) = (Rc::clone(&inner), Rc::clone(&mounted));
                async move { checks::around(&mounted, request, &*inner).await }
            }))
        }
    }))
}

impl<F, Arguments, V, K> HandlerWithChecks<F, Arguments, V, K>
where
    Self: GuardedHandler,
{
    /// Mounts the handler behind its checks.
    pub fn mount(self, mounter: Mounter) -> actix_web::Route {
        if mounter.has_wraps() {
            return mounter.around(|mounter| self.mount(mounter), |route| route);
        }
        let mounted = mounter.mounted();
        actix_web::Route::new().service(GuardedService(move |mut request: ServiceRequest| {
            reached::mark();
            mounted.enter(&mut request);
            let (request, payload) = request.into_parts();
            checks::enforce(Rc::clone(&mounted), request, payload, self.clone())
        }))
    }
}

/// Registers one endpoint outside any scope. Only what depends on its type is compiled for each endpoint.
pub fn register<E: Endpoint>(endpoint: E, app: &mut AppService) {
    let mounter = Mounter::new::<E>(Rc::new(ScopeDemands::new()));
    register_route(&E::ROUTE, E::POLICY, (E::arguments(), E::guards()), app, endpoint.mount(mounter));
}

fn register_route(
    route: &Route,
    policy: &'static Policy,
    (arguments, guards): (ArgumentNeeds, Guards),
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
            let mistake = count.mistake(policy, route.path, own);
            assert!(mistake.is_none(), "palisade: {}{help}", mistake.unwrap_or_default());
        }
    }
    web::resource(route.path)
        .name(resource_name(route, policy))
        .guard(RouteGuard { route: *route, guards })
        .route(mounted)
        .default_service(fallback(&Rc::new(ScopeDemands::new())))
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
    // A generic endpoint: `[<R: Rows + 'static>] [list<R>] [where R: Clone]`.
    ([$($generics:tt)*] [$($endpoint:tt)*] [$($bounds:tt)*]; $($arguments:tt)*) => {
        impl $($generics)* $crate::__v1::HttpServiceFactory for $($endpoint)* $($bounds)* {
            fn register(self, __app: &mut $crate::__v1::AppService) {
                $crate::__v1::register(self, __app);
            }
        }

        impl $($generics)* $crate::__v1::RouteArguments for $($endpoint)* $($bounds)* {
            $crate::__arguments!($($arguments)*);
        }
    };
}

/// The declared name of the route, or the name of the handler.
pub(crate) fn resource_name(route: &Route, policy: &Policy) -> &'static str {
    route.name.unwrap_or(policy.handler.name)
}

/// The methods and the guards of an endpoint, as one guard.
struct RouteGuard {
    route: Route,
    guards: Guards,
}

impl Guard for RouteGuard {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        if !self.route.serves(context.head().method.as_str()) {
            return false;
        }
        let accepts = self.guards.accept(context);
        if !accepts {
            reached::note_passed_on();
        }
        accepts
    }
}

/// The policy of requests that no endpoint serves.
static FALLBACK: Policy = Policy::new(Rule::Public).of("palisade", "fallback");

/// The route for requests that no endpoint serves: 405 if the path has other methods, otherwise 404. The scope's own demands
/// apply first, so that a caller without access cannot find out which paths exist.
pub(crate) fn fallback(demands: &Rc<ScopeDemands>) -> actix_web::Route {
    let mounter = Mounter::of("", &FALLBACK, Rc::clone(demands));
    if mounter.has_wraps() {
        let inside = |request: ServiceRequest| {
            let response = checks::absent_response(request.request());
            ready(Ok::<_, Error>(request.into_response(response)))
        };
        return mounter.around(|_| actix_web::Route::new().service(fn_service(inside)), |route| route);
    }
    let mounted = mounter.mounted();
    actix_web::Route::new().service(fn_service(move |mut request: ServiceRequest| {
        reached::mark();
        mounted.enter(&mut request);
        let mounted = Rc::clone(&mounted);
        async move {
            let (request, _payload) = request.into_parts();
            let response = checks::fallback(&mounted, &request).await;
            Ok::<_, Error>(ServiceResponse::new(request, response))
        }
    }))
}
