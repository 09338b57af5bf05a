//! The order of checks: the only file that knows it.
//!
//! Threat: a check that runs too late, twice or not at all (CWE-696, CWE-862). Promise: whatever the order of attributes and
//! middleware, a request passes the rate limits of its address, then authentication, then the rate limits of its principal, then
//! the access rule; only then is anything of the body read. The handler is called with the [`Authorized`] that the rule
//! gave, by value, so there is no way to it around the rule. What is not configured is refused.

mod body;
mod dues;
mod handler;

use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder, dev};

pub(crate) use self::handler::without_checks;
pub use self::handler::{GuardedHandler, HandlerWithChecks};
use crate::audit;
use crate::authn::{self, Authenticated, Failure};
use crate::authz::{self, Authorized, Refusal};
use crate::denial::{Denial, Extra};
use crate::dry_run;
use crate::extraction_errors::{self, Failed};
use crate::failure::{self, Watch};
use crate::headers;
use crate::policy::{Credentials, Policy, ScopeDemands};
use crate::principal::Principal;
use crate::rate_limit::{FieldKeys, Stage};
use crate::refusal_response::{absent, challenge_if_none_does, not_installed, respond};
use crate::reservations::Reservations;
use crate::settings::{RequestState, Shared};

const NO_FIELDS: &FieldKeys = &FieldKeys::new();

/// Where the checks of a handler run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountPosition {
    /// Nothing of palisade's is around the handler, so its checks run here.
    Outermost,
    /// Inside the route's own middleware (`wrap = ".."`): [`around`] ran the checks before that middleware.
    InsideWrap,
}

/// What a handler is mounted with.
#[derive(Clone, Copy)]
pub(crate) struct MountedPolicy<'p> {
    pub(crate) position: MountPosition,
    pub(crate) policy: &'p Policy,
    pub(crate) demands: &'p ScopeDemands,
}

/// Runs all checks for one handler, then the handler. Only what depends on the types of the handler is generic.
pub(crate) async fn enforce<H: GuardedHandler>(
    mounted: MountedPolicy<'_>,
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
        Err(denial) => return guarded.refuse(denial).await,
    };
    guarded.keep_loaded_rows(&mut authorized);
    if dry_run::is_dry_run(request) {
        return guarded.close(dry_run::let_through()).await;
    }
    let reading = guarded.prepare(payload);
    let arguments = match H::Arguments::from_request(request, payload).await {
        Ok(arguments) => arguments,
        Err(error) => return guarded.refuse_arguments(error.into()).await,
    };
    if let Err(invalid) = handler.validate(&arguments) {
        return guarded.refuse(GuardedRequest::invalid(invalid, reading.as_ref())).await;
    }
    if let Some(reading) = reading {
        reading.end();
    }
    if let Err(denial) = guarded.charge(Stage::Input, &handler.field_keys(&arguments)).await {
        return guarded.refuse(denial).await;
    }
    let response = handler.call(authorized, arguments).await.respond_to(request).map_into_boxed_body();
    guarded.finish(response).await
}

/// Runs the checks around the route's own middleware (`wrap = ".."`), so that the middleware sees admitted requests only and
/// rate limits settle by the response that leaves it.
pub(crate) async fn around(
    policy: &Policy,
    demands: &ScopeDemands,
    request: ServiceRequest,
    inner: &impl Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
) -> Result<ServiceResponse, Error> {
    let mounted = MountedPolicy { position: MountPosition::Outermost, policy, demands };
    let Some(mut guarded) = GuardedRequest::begin(mounted, request.request()) else {
        return Ok(request.into_response(not_installed(policy)));
    };
    match guarded.admit().await {
        Err(denial) => {
            let refused = guarded.refuse(denial).await;
            return Ok(request.into_response(refused));
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
    let GuardedRequest { settings, client, authenticated, mut reservations, .. } = guarded;
    let inside = Rc::<RefCell<Reservations>>::default();
    if let Some(state) = request.request().extensions().get::<RequestState>() {
        // Set once: a request passes one guard.
        let _ = state.reservations.set(Rc::clone(&inside));
    }
    let (request, response) = match inner.call(request).await {
        Ok(response) => response.into_parts(),
        Err(error) => {
            // A middleware further out makes the response of this error, but its status is known here.
            reservations.join(inside.take());
            reservations.settle(&settings.rate_limit_store, error.as_response_error().status_code()).await;
            return Err(error);
        }
    };
    reservations.join(inside.take());
    let mut guarded = GuardedRequest { mounted, request: &request, settings, client, authenticated, reservations };
    let response = guarded.finish(response).await;
    Ok(ServiceResponse::new(request, response))
}

/// The response of a scope where no endpoint matches. The scope's own demands hold there too.
pub(crate) async fn fallback(
    policy: &Policy,
    demands: &ScopeDemands,
    request: &HttpRequest,
    allow: Option<HeaderValue>,
) -> HttpResponse {
    let mounted = MountedPolicy { position: MountPosition::Outermost, policy, demands };
    let Some(mut guarded) = GuardedRequest::begin(mounted, request) else {
        return not_installed(policy);
    };
    if let Err(denial) = guarded.admit().await {
        return guarded.refuse(denial).await;
    }
    let mut response = guarded.settings.render(absent(allow.is_some()).instance(request.path()));
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow);
    }
    guarded.finish(response).await
}

/// One request on its way through the checks.
struct GuardedRequest<'p, 'r> {
    mounted: MountedPolicy<'p>,
    request: &'r HttpRequest,
    settings: Shared,
    client: OnceCell<Option<IpAddr>>,
    authenticated: Option<Authenticated>,
    reservations: Reservations,
}

impl<'p, 'r> GuardedRequest<'p, 'r> {
    /// `None` if the middleware is not installed: without settings nothing can be checked, so no request passes.
    fn begin(mounted: MountedPolicy<'p>, request: &'r HttpRequest) -> Option<Self> {
        let settings = request.extensions().get::<RequestState>().map(|state| {
            state.guarded.set(true);
            state.settings.clone()
        })?;
        let (client, reservations) = (OnceCell::new(), Reservations::default());
        Some(Self { mounted, request, settings, client, authenticated: None, reservations })
    }

    /// For what stands inside of the route's own middleware: admitted before, and once.
    fn admitted(&self) -> Result<Authorized, Denial> {
        let extensions = self.request.extensions();
        let authorized = extensions.get::<RequestState>().and_then(|state| state.authorized.take());
        authorized.ok_or_else(|| {
            audit::misconfigured(&self.mounted.policy.handler, "the route's `wrap` called the handler a second time");
            Denial::internal("not_admitted")
        })
    }

    async fn admit(&mut self) -> Result<Authorized, Denial> {
        self.takes_the_coding()?;
        self.charge(Stage::Connection, NO_FIELDS).await?;
        match self.mounted.demands.credentials.and(self.mounted.policy.credentials) {
            Credentials::Ignored => {}
            Credentials::Required => self.authenticate().await?,
            Credentials::Optional => match self.authenticate().await {
                Err(Denial { extra: Extra::Challenge { presented: false }, .. }) => {}
                known => known?,
            },
        }
        self.charge(Stage::Caller, NO_FIELDS).await?;
        self.check_roles_are_defined()?;
        let principal = self.authenticated.as_ref().map(Authenticated::principal);
        let (rules, own) = (&self.mounted.demands.rules, &self.mounted.policy.rule);
        let (owners, admin) = (&self.settings.owners, &self.settings.admin);
        let decided = authz::decide(rules, own, principal, self.request, owners, admin).await;
        decided.map_err(|refusal| self.denial(refusal))
    }

    /// A role that there is not would make a `!` mean nothing. What was given to `routes` was checked at boot; a plain function,
    /// or a scope besides, is checked here.
    fn check_roles_are_defined(&self) -> Result<(), Denial> {
        let Some(roles) = &self.settings.roles else { return Ok(()) };
        if self.settings.policies.rows().iter().any(|row| std::ptr::eq(row.policy(), self.mounted.policy)) {
            return Ok(());
        }
        let rules = self.mounted.demands.rules.iter().chain([&self.mounted.policy.rule]);
        match rules.into_iter().find_map(|rule| rule.undefined_in(roles, &self.settings.admin)) {
            None => Ok(()),
            Some(lacking) => {
                audit::misconfigured(&self.mounted.policy.handler, &lacking);
                Err(Denial::internal("role_outside_of_the_vocabulary"))
            }
        }
    }

    fn denial(&self, refusal: Refusal) -> Denial {
        let (reason, cure) = match refusal {
            Refusal::Denied(reason) => return Denial::forbidden(reason),
            Refusal::Scopes(scopes) => return Denial::insufficient_scope(scopes),
            Refusal::Absent(reason) => return Denial::absent(reason),
            Refusal::Unavailable(reason) => return Denial::unavailable(reason),
            Refusal::NoSuchParameter(parameter) => (
                "no_such_parameter",
                format!("the rule needs one `{{{parameter}}}` in the route's path, with its scopes"),
            ),
            Refusal::OwnersUnsaid => ("owners_unsaid", authz::OWNERS_UNSAID.to_owned()),
            Refusal::NoStore(store) => (
                "no_store",
                format!(
                    "the rule loads a row: give the `App` its store with `.app_data(Data::new(..))`, a `Data<{store}>`"
                ),
            ),
        };
        audit::misconfigured(&self.mounted.policy.handler, &cure);
        Denial::internal(reason)
    }

    /// Puts the rows that the rule loaded where the handler's [`Owned`](crate::Owned) arguments are taken from.
    fn keep_loaded_rows(&self, authorized: &mut Authorized) {
        if let Some(rows) = authorized.take_rows()
            && let Some(state) = self.request.extensions().get::<RequestState>()
        {
            state.rows.replace(rows);
        }
    }

    async fn authenticate(&mut self) -> Result<(), Denial> {
        match authn::authenticate(&self.settings.authenticators, self.request).await {
            Ok(authenticated) => {
                let authenticated = self.resolve_roles(authenticated);
                if let Some(state) = self.request.extensions().get::<RequestState>() {
                    // Set once: a request passes one guard.
                    let _ = state.principal.set(authenticated.principal().clone());
                }
                self.authenticated = Some(authenticated);
                Ok(())
            }
            Err(Failure::NoCredentials) if self.settings.authenticators.is_empty() => {
                let cure = "the route needs a principal: give an authenticator to `Palisade::builder()`, such as \
                            `.authenticator(Jwt::hs256(issuer, audience, secret)?)`";
                audit::misconfigured(&self.mounted.policy.handler, cure);
                Err(Denial::internal("no_authenticator"))
            }
            Err(Failure::NoCredentials) => Err(Denial::no_credentials()),
            Err(Failure::Disagree) => Err(Denial::bad_request(
                "credentials_disagree",
                "The request has credentials of two callers; send those of one.",
            )),
            Err(Failure::Rejected(authn::AuthError::Invalid(reason))) => Err(Denial::bad_credentials(reason)),
            Err(Failure::Rejected(authn::AuthError::Unavailable(reason))) => Err(Denial::unavailable(reason)),
        }
    }

    /// What the roles of the principal mean, where the application has a vocabulary of them.
    fn resolve_roles(&self, authenticated: Authenticated) -> Authenticated {
        let Some(roles) = &self.settings.roles else { return authenticated };
        let principal = authenticated.principal();
        let (authority, unknown) = roles.authority(principal.roles());
        if !unknown.is_empty() {
            audit::unknown_roles(&unknown, principal.subject(), &self.mounted.policy.handler);
        }
        authenticated.with_authority(authority)
    }

    /// Found out once, and only where a rate limit or the audit trail asks.
    fn client(&self) -> Option<IpAddr> {
        *self.client.get_or_init(|| self.settings.client(self.request.head()))
    }

    async fn refuse(&mut self, denial: Denial) -> HttpResponse {
        self.audit(denial.status, denial.reason);
        let response = respond(&self.settings, denial, self.request.path());
        self.close(response).await
    }

    async fn refuse_arguments(&mut self, error: Error) -> HttpResponse {
        match extraction_errors::failed(error) {
            Failed::Denied(denial) => self.refuse(denial).await,
            Failed::Misconfigured(cure) => {
                audit::misconfigured(&self.mounted.policy.handler, cure);
                self.refuse(Denial::internal("argument_not_available")).await
            }
            Failed::Answered(response) => {
                if !failure::is_of_the_server(response.status()) {
                    self.audit(response.status(), "refused_by_extractor");
                }
                self.finish(response).await
            }
        }
    }

    /// The handler answered. Where it refused on its own (a wrong password), the audit trail has it too.
    async fn finish(&mut self, mut response: HttpResponse) -> HttpResponse {
        if response.status().as_u16() >= 400 {
            response = failure::answered(&self.settings, self.request, Some(&self.mounted.policy.handler), response);
            challenge_if_none_does(&self.settings, &mut response);
            let audited = self.request.extensions().get::<RequestState>().is_some_and(|state| state.audited.get());
            if !audited && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                self.audit(response.status(), failure::reason(&response).unwrap_or("refused_by_handler"));
            }
        }
        self.close(response).await
    }

    /// Rate limits settle by the status, and report: where the answer leaves the route's own middleware.
    async fn close(&mut self, mut response: HttpResponse) -> HttpResponse {
        if self.mounted.position == MountPosition::InsideWrap {
            if let Some(state) = self.request.extensions().get::<RequestState>()
                && let Some(outside) = state.reservations.get()
            {
                outside.borrow_mut().join(std::mem::take(&mut self.reservations));
            }
            return response;
        }
        if !self.reservations.is_empty() {
            Box::pin(self.reservations.settle(&self.settings.rate_limit_store, response.status())).await;
            self.reservations.report(self.settings.rate_limit_headers, response.headers_mut());
        }
        if self.authenticated.is_some() {
            headers::forbid_storing(response.headers_mut());
        }
        response
    }

    fn audit(&self, status: StatusCode, reason: &'static str) {
        let extensions = self.request.extensions();
        let state = extensions.get::<RequestState>();
        if let Some(state) = state {
            state.audited.set(true);
        }
        audit::Refused {
            status,
            reason,
            method: self.request.method().as_str(),
            handler: &self.mounted.policy.handler,
            client: self.client(),
            subject: state.and_then(|state| state.principal.get()).map(Principal::subject),
        }
        .record();
    }
}
