//! An `App` in which nothing but guarded routes is mounted.
//!
//! Threat: a default service that nobody guards (CWE-862). actix-web does not tell it from its own. Promise: here it is
//! palisade's, so whatever else routing ends at is unguarded for certain.

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
    /// An `App` that serves these routes and nothing else, with this middleware around it.
    ///
    /// Unlike in an `App` of your own, what answers where nothing is mounted is palisade's too. So a request that reaches
    /// something else (a service or a default service that was added to the `App` afterwards) is always told from one for
    /// which there is nothing: it runs nothing, and is 500 and an event in the log.
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
    /// When the server starts, if [`Scope::verify`] finds a mistake.
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
        App::new()
            .service(routes)
            .default_service(fallback(Rc::new(ScopeDemands::new()), None))
            .wrap(Complete(self.clone()))
    }
}
