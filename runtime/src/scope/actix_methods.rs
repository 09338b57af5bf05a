//! The methods that a scope shares with actix-web's `Scope`.
//!
//! Threat: an application that moves its scopes to palisade loses a middleware or a guard on the way, or finds a place where a
//! handler is mounted without a policy (CWE-862). Promise: each method of actix-web's `Scope` either does the same here, behind the
//! checks, or is a compile error that names what to write.

use std::fmt;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::guard::Guard;
use futures_util::future::LocalBoxFuture;

use super::Scope;
use super::members::{DefaultService, Guarded, ScopeItemKind};

/// The service that a middleware of a scope gets: a guarded handler.
type GuardedHandlerService = Box<
    dyn Service<
            ServiceRequest,
            Response = ServiceResponse,
            Error = Error,
            Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>,
        >,
>;

impl Scope {
    /// Adds data for the handlers of the scope, as `App::app_data` does for all handlers: `Data<T>`, or the settings of an extractor
    /// such as `JsonConfig`. The data of an inner scope hides data of the same type.
    ///
    /// Rows of a [`Resource`](crate::Resource) are also loaded from this data.
    ///
    /// ```
    /// use actix_web::web::{Data, JsonConfig};
    ///
    /// let scope = palisade::scope("/uploads").app_data(Data::new("s3")).app_data(JsonConfig::default().limit(1_024));
    /// # let _ = scope;
    /// ```
    pub fn app_data<T: 'static>(mut self, data: T) -> Self {
        self.data.get_or_insert_with(Extensions::new).insert(data);
        self
    }

    /// Adds a guard of actix-web: the scope gets only the requests that the guard accepts, such as those for one host. A request that
    /// it rejects goes on to the next service that matches. Can be repeated: each guard must accept.
    ///
    /// Danger: a guard decides which route gets a request. It does not decide who may call the route.
    ///
    /// ```
    /// use actix_web::guard;
    ///
    /// let scope = palisade::scope("/admin").guard(guard::Host("intranet.example")).require_role("admin");
    /// # let _ = scope;
    /// ```
    pub fn guard(mut self, guard: impl Guard + 'static) -> Self {
        self.guards.0.push(Rc::new(guard));
        self
    }

    /// Adds a middleware around the handlers of the scope. It gets only requests that passed the checks of the scope and of the
    /// endpoint, and the status of its response settles rate limits. The last one that is added is the outermost.
    ///
    /// Each endpoint of the scope has its own instance of the middleware's service, of one shared middleware value. It also gets the
    /// requests for unknown paths of the scope, after the demands of the scope admitted them.
    ///
    /// A middleware that must see rejected requests too, such as a logger, belongs around the `App`.
    ///
    /// ```
    /// use actix_web::middleware::{Compress, DefaultHeaders};
    ///
    /// let scope = palisade::scope("/files").wrap(DefaultHeaders::new().add(("x-storage", "cold"))).wrap(Compress::default());
    /// # let _ = scope;
    /// ```
    pub fn wrap<M, B>(mut self, middleware: M) -> Self
    where
        M: Transform<
                GuardedHandlerService,
                ServiceRequest,
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody + 'static,
    {
        let middleware = Rc::new(middleware);
        self.wraps.push(Rc::new(move |route| route.wrap(Rc::clone(&middleware))));
        self
    }

    /// The function or the service that responds for the unknown paths of the scope, instead of 404. The demands of the scope apply to
    /// it, and its own rule. A wrong method of a known path is still 405.
    ///
    /// It is an annotated function without a route attribute, or a [`guarded`](super::guarded) service. The scope needs a prefix. An
    /// inner scope with a prefix of its own needs its own default service.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use palisade::public;
    ///
    /// #[public("the page of the application, which routes by itself")]
    /// async fn page() -> HttpResponse {
    ///     HttpResponse::Ok().body("<!doctype html>")
    /// }
    ///
    /// let scope = palisade::scope("/app").default_service(page);
    /// assert_eq!(scope.policies().rows()[0].path(), "/app/*");
    /// ```
    pub fn default_service(mut self, service: impl DefaultService) -> Self {
        if let ScopeItemKind::Endpoint(mount) = service.into_default().0 {
            self.default = Some(mount);
        }
        self
    }

    /// Adds the members that a function adds to a [`ServiceConfig`], so that a module can declare its own routes.
    ///
    /// ```
    /// use palisade::scope::ServiceConfig;
    /// use palisade::{get, public};
    ///
    /// #[get("/health")]
    /// #[public]
    /// async fn health() -> &'static str {
    ///     "ok"
    /// }
    ///
    /// fn routes(config: &mut ServiceConfig) {
    ///     config.service(health);
    /// }
    ///
    /// let scope = palisade::scope("/api").configure(routes);
    /// assert_eq!(scope.policies().rows().len(), 1);
    /// ```
    pub fn configure(self, configure: impl Configuration) -> Self {
        let mut config = ServiceConfig(Some(self));
        configure(&mut config);
        config.0.unwrap_or_else(|| super::scope(""))
    }

    /// Does not compile, because a `Route` of actix-web does not state who may call it.
    pub fn route<R: WithoutPolicy>(self, path: &str, route: R) -> Self {
        let _ = (path, route);
        self
    }

    /// Does not compile: see [`wrap`](Self::wrap).
    pub fn wrap_fn<F: NoWrapFunction>(self, function: F) -> Self {
        let _ = function;
        self
    }
}

/// A function that [`Scope::configure`] accepts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot configure a `palisade::scope`",
    label = "not a function of `&mut palisade::scope::ServiceConfig`",
    note = "write `fn routes(config: &mut palisade::scope::ServiceConfig)`: unlike actix-web's `ServiceConfig`, it accepts only members with a \
            policy",
    note = "a function of actix-web's `ServiceConfig` belongs in `App::configure`"
)]
pub trait Configuration: FnOnce(&mut ServiceConfig) {}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(&mut ServiceConfig)> Configuration for F {}

/// No type has it: see [`Scope::route`].
#[diagnostic::on_unimplemented(
    message = "a `palisade::scope` has no `route`, because a route of actix-web does not state who may call it",
    label = "has no policy",
    note = "write `#[palisade::get(\"/..\")]` (or `post`, `put`, ..) and an access attribute such as `#[authenticated]` above the handler, and \
            add the handler with `.service(handler)`"
)]
pub trait WithoutPolicy {}

/// No type has it: see [`Scope::wrap_fn`].
#[diagnostic::on_unimplemented(
    message = "a `palisade::scope` has no `wrap_fn`",
    label = "not a middleware",
    note = "write `.wrap(actix_web::middleware::from_fn(function))`, with an `async fn` that takes the request and a `Next`"
)]
pub trait NoWrapFunction {}

/// No type has it: see [`ServiceConfig::external_resource`].
#[diagnostic::on_unimplemented(
    message = "a `palisade::scope` has no `external_resource`",
    label = "belongs to the `App`",
    note = "write `App::external_resource(name, url)`: `url_for` finds it from each handler"
)]
pub trait NoExternalResource {}

/// The members of a scope, for a function that adds some: see [`Scope::configure`].
pub struct ServiceConfig(Option<Scope>);

impl fmt::Debug for ServiceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceConfig").field(&self.0).finish()
    }
}

impl ServiceConfig {
    fn change(&mut self, change: impl FnOnce(Scope) -> Scope) -> &mut Self {
        self.0 = self.0.take().map(change);
        self
    }

    /// See [`Scope::service`].
    pub fn service<Form>(&mut self, member: impl Guarded<Form>) -> &mut Self {
        self.change(|scope| scope.service(member))
    }

    /// See [`Scope::app_data`].
    pub fn app_data<T: 'static>(&mut self, data: T) -> &mut Self {
        self.change(|scope| scope.app_data(data))
    }

    /// See [`Scope::default_service`].
    pub fn default_service(&mut self, service: impl DefaultService) -> &mut Self {
        self.change(|scope| scope.default_service(service))
    }

    /// Adds the members that another function adds: see [`Scope::configure`].
    pub fn configure(&mut self, configure: impl Configuration) -> &mut Self {
        configure(self);
        self
    }

    /// Does not compile: see [`Scope::route`].
    pub fn route<R: WithoutPolicy>(&mut self, path: &str, route: R) -> &mut Self {
        let _ = (path, route);
        self
    }

    /// Does not compile, because names of external resources belong to the `App`.
    pub fn external_resource<N: NoExternalResource>(&mut self, name: N, url: &str) -> &mut Self {
        let _ = (name, url);
        self
    }
}
