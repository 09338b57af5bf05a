//! A handler together with its policy, as a type.
//!
//! Threat: a handler that is mounted without its checks (CWE-862). Promise: an [`Endpoint`] can be mounted only through a
//! [`Mounter`], and a mounter only mounts guarded handlers; only the attributes make endpoints.

pub(crate) mod arguments;

use std::any::TypeId;
use std::marker::PhantomData;
use std::rc::Rc;

use actix_web::dev::{
    AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse, fn_factory, fn_service,
};
use actix_web::guard::{self, Guard, GuardContext};
use actix_web::http::header::HeaderValue;
use actix_web::{Handler, web};
use palisade_grammar::template;

pub(crate) use self::arguments::Parts;
use self::arguments::{Demands, Taken};
use crate::guard::{self as checks, Place};
use crate::policy::{Policy, Route, Rule, ScopeDemands};
use crate::rate_limit::FieldKeys;
use crate::reached;
use crate::validation::{Checks, Invalid, NotValidated};

/// A handler whose attributes say who may call it.
///
/// `#[get("/users/{id}")]` and its like make one of an annotated function. It goes into a [`scope`](crate::scope()) or
/// straight into an `App`, by its name.
pub trait Endpoint: Judged + Sized + 'static {
    /// Methods and path template.
    const ROUTE: Route;
    /// What it demands.
    const POLICY: &'static Policy;

    #[doc(hidden)]
    fn mount(self, mounter: Mounter) -> impl Mounted;
}

/// A handler behind its checks. Its type still tells what the handler takes, and nothing has to be mounted to ask.
#[doc(hidden)]
pub trait Mounted {
    fn into_route(self) -> actix_web::Route;

    /// Whether the arguments have a type for which `of` returns `true`.
    fn takes(of: fn(TypeId) -> bool) -> bool;
}

/// The one [`Mounted`], for a handler with these arguments.
#[doc(hidden)]
pub struct Handled<Args> {
    route: actix_web::Route,
    arguments: PhantomData<fn(Args)>,
}

impl<Args> Handled<Args> {
    fn new(route: actix_web::Route) -> Self {
        Self { route, arguments: PhantomData }
    }

    pub fn guard(self, guard: impl Guard + 'static) -> Self {
        Self::new(self.route.guard(guard))
    }
}

impl<Args: Arguments> Mounted for Handled<Args> {
    fn into_route(self) -> actix_web::Route {
        self.route
    }

    fn takes(of: fn(TypeId) -> bool) -> bool {
        Args::any(of)
    }
}

/// The arguments of a handler, by their types: an alias is the type that it stands for.
#[doc(hidden)]
pub trait Arguments: 'static {
    fn any(of: fn(TypeId) -> bool) -> bool;
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<$($argument: 'static),*> Arguments for ($($argument,)*) {
            fn any(_of: fn(TypeId) -> bool) -> bool {
                false $(|| _of(TypeId::of::<$argument>()))*
            }
        }
    };
}
arguments! {}
arguments! { A }
arguments! { A B }
arguments! { A B C }
arguments! { A B C D }
arguments! { A B C D E }
arguments! { A B C D E F }
arguments! { A B C D E F G }
arguments! { A B C D E F G H }
arguments! { A B C D E F G H I }
arguments! { A B C D E F G H I J }
arguments! { A B C D E F G H I J K }
arguments! { A B C D E F G H I J K L }
arguments! { A B C D E F G H I J K L M }
arguments! { A B C D E F G H I J K L M N }
arguments! { A B C D E F G H I J K L M N O }
arguments! { A B C D E F G H I J K L M N O P }

/// Whether the handler of an endpoint takes a type for which `of` returns `true`.
pub(crate) fn takes<E: Endpoint>(of: fn(TypeId) -> bool) -> bool {
    fn by_type<E, M: Mounted>(_: fn(E, Mounter) -> M, of: fn(TypeId) -> bool) -> bool {
        M::takes(of)
    }
    by_type(E::mount, of)
}

/// The arguments of an endpoint, judged.
#[doc(hidden)]
pub trait Judged {
    /// What they demand of the path. That they can be had at all, it proves by being compiled.
    fn arguments(demands: &Demands);
}

/// Where a handler gets its guard.
#[doc(hidden)]
pub struct Mounter {
    place: Place,
    policy: &'static Policy,
    demands: Rc<ScopeDemands>,
}

impl Mounter {
    pub(crate) fn new<E: Endpoint>(demands: Rc<ScopeDemands>) -> Self {
        reached::remember(E::ROUTE.path);
        Self { place: Place::Behind, policy: E::POLICY, demands }
    }

    /// Mounts the handler behind its checks.
    pub fn handler<F, T>(self, handler: F, taken: T) -> Handled<T::Arguments>
    where
        T: Taken,
        F: Handler<T::Arguments, Output = T::Answer>,
    {
        self.validated(handler, taken, |_, _| Ok(()))
    }

    /// Mounts the handler behind its checks and the validation of its arguments.
    pub fn validated<F, T, C>(self, handler: F, taken: T, check: C) -> Handled<T::Arguments>
    where
        T: Taken,
        F: Handler<T::Arguments, Output = T::Answer>,
        C: Fn(Checks<NotValidated>, &T::Arguments) -> Result<(), Invalid> + Copy + 'static,
    {
        self.counted(handler, taken, check, |none, _| none)
    }

    /// The same, with the fields that rate limits count by.
    pub fn counted<F, T, C, K>(self, handler: F, _: T, check: C, keys: K) -> Handled<T::Arguments>
    where
        T: Taken,
        F: Handler<T::Arguments, Output = T::Answer>,
        C: Fn(Checks<NotValidated>, &T::Arguments) -> Result<(), Invalid> + Copy + 'static,
        K: Fn(FieldKeys, &T::Arguments) -> FieldKeys + Copy + 'static,
    {
        let Self { place, policy, demands } = self;
        Handled::new(actix_web::Route::new().service(fn_service(move |request: ServiceRequest| {
            reached::mark();
            let handler = handler.clone();
            let demands = Rc::clone(&demands);
            async move {
                let (request, mut payload) = request.into_parts();
                let check = |arguments: &T::Arguments| check(Checks::new(), arguments);
                let keys = |arguments: &T::Arguments| keys(FieldKeys::new(), arguments);
                let payload = &mut payload;
                let response = checks::enforce(place, policy, &demands, &request, payload, &handler, check, keys).await;
                Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
            }
        })))
    }

    /// Stands for a handler that can't be called, in a program that does not compile.
    pub fn never(self) -> Handled<()> {
        Handled::new(actix_web::Route::new())
    }

    /// Mounts what `build` makes of the handler, in what `wrap` puts around it, the route's own middleware, behind the checks.
    pub fn around<Args>(
        self,
        build: impl FnOnce(Self) -> Handled<Args>,
        wrap: impl FnOnce(actix_web::Route) -> actix_web::Route,
    ) -> Handled<Args> {
        let Self { policy, demands, .. } = self;
        let inner = wrap(build(Self { place: Place::Inside, policy, demands: Rc::clone(&demands) }).route);
        Handled::new(actix_web::Route::new().service(fn_factory(move || {
            let (inner, demands) = (inner.new_service(()), Rc::clone(&demands));
            async move {
                let inner = Rc::new(inner.await?);
                Ok::<_, ()>(fn_service(move |request: ServiceRequest| {
                    reached::mark();
                    let (inner, demands) = (Rc::clone(&inner), Rc::clone(&demands));
                    async move { checks::around(policy, &demands, request, &*inner).await }
                }))
            }
        })))
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
        let short = parts_of::<E>().into_iter().find(|parts| !parts.fit(own));
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
        .route(endpoint.mount(Mounter::new::<E>(Rc::new(ScopeDemands::new()))).into_route())
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
        impl $crate::__v1::Judged for $endpoint {
            $crate::__arguments!($($arguments)*);
        }
    };
}

/// What the arguments of an endpoint demand of its path.
pub(crate) fn parts_of<E: Endpoint>() -> Vec<Parts> {
    let demands = Demands::default();
    E::arguments(&demands);
    demands.into_parts()
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
