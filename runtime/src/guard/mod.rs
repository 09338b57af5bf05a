//! The order of the checks, which is defined only here.
//!
//! Threat: a check that runs too late, twice or not at all (CWE-696, CWE-862). Promise: regardless of the order of attributes and
//! middleware, a request passes the rate limits of its address, then authentication, then the rate limits of its principal,
//! then the access rule. Only then the body is read. Calling the handler consumes the [`Authorized`] that the access rule
//! returned, so no code can call the handler without evaluating the rule. A request is rejected if its checks need something
//! that is not configured.
//!
//! [`enforce`] reads from top to bottom: `admit` (`caller`, `charging`, `body`), the arguments, the handler (`handler`), the
//! response (`response`).

mod body;
mod caller;
mod charging;
mod handler;
mod mounted;
mod response;

use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder, dev};

pub(crate) use self::handler::without_checks;
pub use self::handler::{FieldKeysOf, GuardedHandler, HandlerWithChecks, ValidationOf};
pub(crate) use self::mounted::{MountPosition, MountedPolicy};
use crate::audit;
use crate::authn::Authenticated;
use crate::authz::{self, AccessRequest, Authorized, Rules};
use crate::body::Coding;
use crate::denial::{Denial, Extra};
use crate::dry_run;
use crate::failure::Watch;
use crate::policy::Credentials;
use crate::rate_limit::{FieldKeys, Reservations, Stage};
use crate::rejection_response::{absent, not_installed, render};
use crate::settings::{RequestState, WorkerSettings};

const NO_FIELDS: &FieldKeys = &FieldKeys::new();

/// Runs all checks for one handler, then the handler. Only code that depends on the types of the handler is generic.
pub(crate) async fn enforce<H: GuardedHandler>(
    mounted: &MountedPolicy,
    request: &HttpRequest,
    payload: &mut dev::Payload,
    handler: &H,
) -> HttpResponse {
    let Some(mut guarded) = GuardedRequest::begin(mounted, request) else {
        return not_installed(mounted.policy);
    };
    let _watch = Watch { request, handler: mounted.policy.handler };
    let admitted = match mounted.position {
        MountPosition::Outermost => guarded.admit().await,
        MountPosition::InsideWrap => guarded.admitted(),
    };
    let mut authorized = match admitted {
        Ok(authorized) => authorized,
        Err(denial) => return guarded.reject(denial).await,
    };
    guarded.keep_loaded_rows(&mut authorized);
    if dry_run::is_dry_run(request) {
        return guarded.close(dry_run::let_through()).await;
    }
    let reading = match payload {
        dev::Payload::None => None,
        _ => Some(guarded.bound_body(payload)),
    };
    let arguments = match H::Arguments::from_request(request, payload).await {
        Ok(arguments) => arguments,
        Err(error) => return guarded.reject_arguments(error.into()).await,
    };
    if let Err(invalid) = handler.validate(&arguments) {
        return guarded.reject(GuardedRequest::invalid(invalid, reading.as_ref())).await;
    }
    if let Some(reading) = reading {
        reading.end();
    }
    if let Err(denial) = guarded.charge(Stage::Input, &handler.field_keys(&arguments)).await {
        return guarded.reject(denial).await;
    }
    let response = handler.call_authorized(authorized, arguments).await.respond_to(request).map_into_boxed_body();
    guarded.finish(response).await
}

/// Runs the checks around the route's own middleware (`wrap = ".."`). So the middleware gets only admitted requests, and the
/// status of its response settles the rate limits.
pub(crate) async fn around(
    mounted: &MountedPolicy,
    request: ServiceRequest,
    inner: &impl Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
) -> Result<ServiceResponse, Error> {
    let Some(mut guarded) = GuardedRequest::begin(mounted, request.request()) else {
        return Ok(request.into_response(not_installed(mounted.policy)));
    };
    match guarded.admit().await {
        Err(denial) => {
            let rejected = guarded.reject(denial).await;
            return Ok(request.into_response(rejected));
        }
        Ok(_) if dry_run::is_dry_run(request.request()) => {
            let response = guarded.close(dry_run::let_through()).await;
            return Ok(request.into_response(response));
        }
        Ok(authorized) => {
            if let Some(state) = request.request().extensions().get::<RequestState>() {
                state.authorized.set(Some(authorized));
            }
        }
    }
    let GuardedRequest { settings, coding, client, authenticated, mut reservations, .. } = guarded;
    let inside = Rc::<RefCell<Reservations>>::default();
    if let Some(state) = request.request().extensions().get::<RequestState>() {
        // Set once: a request passes one guard.
        let _ = state.reservations.set(Rc::clone(&inside));
    }
    let (request, response) = match inner.call(request).await {
        Ok(response) => response.into_parts(),
        Err(error) => {
            // A middleware further out turns this error into a response, but its status is known here.
            reservations.join(inside.take());
            reservations.settle(&settings.rate_limit_store, error.as_response_error().status_code()).await;
            return Err(error);
        }
    };
    reservations.join(inside.take());
    let mut guarded =
        GuardedRequest { mounted, request: &request, settings, coding, client, authenticated, reservations };
    let response = guarded.finish(response).await;
    Ok(ServiceResponse::new(request, response))
}

/// The response of a scope if no endpoint matches. The scope's own demands apply to it too.
pub(crate) async fn fallback(
    mounted: &MountedPolicy,
    request: &HttpRequest,
    allow: Option<HeaderValue>,
) -> HttpResponse {
    let Some(mut guarded) = GuardedRequest::begin(mounted, request) else {
        return not_installed(mounted.policy);
    };
    if let Err(denial) = guarded.admit().await {
        return guarded.reject(denial).await;
    }
    let mut response = render(&guarded.settings, absent(allow.is_some()).instance(request.path()));
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow);
    }
    guarded.finish(response).await
}

/// One request and the state of its checks.
struct GuardedRequest<'p, 'r> {
    mounted: &'p MountedPolicy,
    request: &'r HttpRequest,
    settings: WorkerSettings,
    /// The coding of the body, which the middleware removed from the headers.
    coding: Option<Coding>,
    client: OnceCell<Option<IpAddr>>,
    authenticated: Option<Authenticated>,
    reservations: Reservations,
}

impl<'p, 'r> GuardedRequest<'p, 'r> {
    /// `None` if the middleware is not installed: without settings nothing can be checked, so no request passes.
    fn begin(mounted: &'p MountedPolicy, request: &'r HttpRequest) -> Option<Self> {
        let extensions = request.extensions();
        let state = extensions.get::<RequestState>()?;
        state.guarded.set(true);
        let (settings, coding) = (state.settings.clone(), state.coding);
        let (client, reservations) = (OnceCell::new(), Reservations::default());
        Some(Self { mounted, request, settings, coding, client, authenticated: None, reservations })
    }

    /// The proof from the checks that ran outside the route's own middleware. It can be taken once.
    fn admitted(&self) -> Result<Authorized, Denial> {
        let extensions = self.request.extensions();
        let authorized = extensions.get::<RequestState>().and_then(|state| state.authorized.take());
        authorized.ok_or_else(|| {
            audit::misconfigured(&self.mounted.policy.handler, "the route's `wrap` called the handler a second time");
            Denial::internal("not_admitted")
        })
    }

    /// Runs the checks in their order. The body is not read before they admit the request.
    async fn admit(&mut self) -> Result<Authorized, Denial> {
        if let Some(coding) = self.coding {
            self.check_coding(coding)?;
        }
        self.charge(Stage::Connection, NO_FIELDS).await?;
        match self.mounted.credentials {
            Credentials::Ignored => {}
            Credentials::Required => self.authenticate().await?,
            Credentials::Optional => match self.authenticate().await {
                Err(Denial { extra: Extra::Challenge { presented: false }, .. }) => {}
                known => known?,
            },
        }
        self.charge(Stage::Caller, NO_FIELDS).await?;
        if let Some(roles) = &self.settings.roles {
            self.check_roles_are_defined(roles)?;
        }
        let MountedPolicy { rules: outer, policy, rows, .. } = self.mounted;
        let rules = Rules { outer, own: &policy.rule, rows };
        let principal = self.authenticated.as_ref().map(Authenticated::principal);
        let (owners, admin) = (&self.settings.owners, &self.settings.admin);
        let access = AccessRequest { principal, request: self.request, owners, admin };
        authz::decide(rules, access).await.map_err(|rejection| self.denial(rejection))
    }

    /// Stores the rows that the rule loaded in the request state, for the handler's [`Owned`](crate::Owned) arguments.
    fn keep_loaded_rows(&self, authorized: &mut Authorized) {
        if let Some(rows) = authorized.take_rows()
            && let Some(state) = self.request.extensions().get::<RequestState>()
        {
            state.rows.replace(rows);
        }
    }

    /// The client's address. It is looked up once, and only if a rate limit or the audit trail needs it.
    fn client(&self) -> Option<IpAddr> {
        *self.client.get_or_init(|| self.settings.proxies.client(self.request.head()))
    }
}
