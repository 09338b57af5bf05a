//! An `App` in which only guarded routes are mounted.
//!
//! Threat: an unguarded default service (CWE-862), which cannot be distinguished from that of actix-web. Promise: here the
//! default service is palisade's, so any other service that a request reaches is unguarded.

use std::rc::Rc;

use actix_web::App;
use actix_web::body::{BoxBody, EitherBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};

use crate::builder::Palisade;
use crate::endpoint::fallback;
use crate::middleware::Complete;
use crate::policy::ScopeDemands;
use crate::scope::Scope;

impl Palisade {
    /// An `App` that serves only these routes, wrapped in this middleware.
    ///
    /// Unlike in an `App` of your own, the default service is palisade's too. So a request that reaches another service (a service
    /// or a default service that was added to the `App` afterwards) is always distinguished from a request to a path where nothing
    /// is mounted. That service does not run; the response is 500, and an event is logged.
    ///
    /// ```
    /// use actix_web::web::Data;
    /// use palisade::{Palisade, get, public};
    ///
    /// #[get("/health")]
    /// #[public]
    /// async fn health() -> &'static str {
    ///     "ok"
    /// }
    ///
    /// let palisade = Palisade::builder().build()?;
    /// let app = move || palisade.app(palisade::scope("").service(health)).app_data(Data::new(42));
    /// # let _ = app();
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics when the server starts, if [`Scope::verify`] finds a mistake.
    pub fn app(
        &self,
        routes: Scope,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<EitherBody<BoxBody>>,
            Error = actix_web::Error,
            InitError = (),
        > + use<>,
    > {
        App::new().service(routes).default_service(fallback(&Rc::new(ScopeDemands::new()))).wrap(Complete(self.clone()))
    }
}
