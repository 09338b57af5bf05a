//! The order of the checks, which is defined only here.
//!
//! Threat: a check that runs too late, twice or not at all (CWE-696, CWE-862). Promise: regardless of the order of attributes and
//! middleware, a request passes the networks of its scopes, the rate limits of its address, then authentication, then the rate limits of its principal,
//! then the access rule. Only then the body is read. Calling the handler consumes the [`Authorized`] that the access rule
//! returned, so no code can call the handler without evaluating the rule. A request is rejected if its checks need something
//! that is not configured.
//!
//! [`enforce`] reads from top to bottom: `admit` (`caller`, `charging`, `body`), the arguments, the handler (`handler`), the
//! response (`response`, `login_redirect`).

mod body;
mod call_limits;
mod caller;
mod charging;
mod constraints;
mod handler;
mod input_fields;
mod login_redirect;
mod mounted;
mod networks;
mod reassess;
#[cfg(feature = "oauth")]
mod resource;
mod response;

use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, Responder, dev};

use self::call_limits::CallBounds;
pub(crate) use self::handler::without_checks;
pub use self::handler::{FieldKeysOf, GuardedHandler, HandlerWithChecks, ValidationOf};
pub(crate) use self::mounted::{MountPosition, MountedPolicy};
use crate::audit;
use crate::authn::Authenticated;
use crate::authz::{self, AccessRequest, Authorized, Rules};
use crate::body::Reading;
use crate::challenge::ChallengeCause;
use crate::denial::{Denial, Extra};
use crate::dry_run;
use crate::failure::Watch;
use crate::input::InputArgument;
use crate::policy::Credentials;
use crate::problem::Problem;
use crate::rate_limit::{FieldKeys, Reservations, Stage};
use crate::rejection_response::{absent, not_installed, render, style_of};
use crate::settings::{RequestState, Settings};

const NO_FIELDS: &FieldKeys = &FieldKeys::new();

/// What ended a guarded request.
enum Outcome {
    Denied(Denial),
    /// An argument of the handler could not be extracted.
    NotExtracted(Error),
    /// A dry run was admitted.
    LetThrough,
    Responded(HttpResponse),
}

/// Runs all checks for one handler, then the handler. Only code that depends on the types of the handler is here, because it is
/// compiled for each handler. The future owns what it needs, so that no future of a caller is around it.
#[allow(clippy::manual_async_fn, reason = "an `async fn` would keep its parameters twice in its future")]
pub(crate) fn enforce<H: GuardedHandler>(
    mounted: Rc<MountedPolicy>,
    request: HttpRequest,
    mut payload: dev::Payload,
    handler: H,
) -> impl Future<Output = Result<ServiceResponse, Error>> {
    async move {
        let response = 'responded: {
            let Some(mut guarded) = GuardedRequest::begin(&mounted, &request) else {
                break 'responded not_installed(mounted.policy);
            };
            let _watch = Watch { request: &request, handler: &mounted.policy.handler };
            let outcome = 'checked: {
                let authorized = match guarded.admit_once(&mut payload).await {
                    Ok(authorized) => authorized,
                    Err(ended) => break 'checked ended,
                };
                let arguments = match H::Arguments::from_request(&request, &mut payload).await {
                    Ok(arguments) => arguments,
                    Err(error) => break 'checked guarded.not_extracted(error.into()),
                };
                // An `Option` around an argument hides its error.
                if let Some(failure) = guarded.reading.as_ref().and_then(Reading::failure) {
                    break 'checked Outcome::Denied(failure.denial());
                }
                if guarded.state.lookup_failed.get() {
                    break 'checked Outcome::Denied(Denial::unavailable("caller_unavailable"));
                }
                if let Some(error) = guarded.hidden_error() {
                    break 'checked Outcome::Denied(error.denial().clone());
                }
                if let Err(denial) = guarded.check_input(handler.validate(&request, &arguments)) {
                    break 'checked Outcome::Denied(denial);
                }
                if guarded.is_charged(Stage::Input)
                    && let Err(ended) = guarded.charge_fields(handler.field_keys(&arguments)).await
                {
                    break 'checked ended;
                }
                guarded.end_reading();
                if let Some(wanted) = guarded.state.reassessment.get() {
                    guarded.offer_reassessment(wanted);
                }
                let bounds = match guarded.begin_call() {
                    Ok(bounds) => bounds,
                    Err(denial) => break 'checked Outcome::Denied(denial),
                };
                match bounds.around(handler.call_authorized(authorized, arguments)).await {
                    Ok(response) => Outcome::Responded(response.respond_to(&request).map_into_boxed_body()),
                    Err(denial) => Outcome::Denied(denial),
                }
            };
            guarded.conclude(outcome).await
        };
        Ok(ServiceResponse::new(request, response))
    }
}

/// Runs the checks around the route's own middleware (`wrap = ".."`). So the middleware gets only admitted requests, and the
/// status of its response settles the rate limits.
pub(crate) async fn around(
    mounted: &MountedPolicy,
    mut request: ServiceRequest,
    inner: &impl Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
) -> Result<ServiceResponse, Error> {
    let mut payload = request.take_payload();
    let Some(mut guarded) = GuardedRequest::begin(mounted, request.request()) else {
        return Ok(request.into_response(not_installed(mounted.policy)));
    };
    let ended = match guarded.admit().await {
        Err(denial) => Some(Outcome::Denied(denial)),
        Ok(_) if dry_run::is_dry_run(request.request()) => Some(Outcome::LetThrough),
        Ok(authorized) => {
            guarded.state.authorized.set(Some(authorized));
            guarded.limit_wrapped_body(&mut payload).err().map(Outcome::Denied)
        }
    };
    if let Some(ended) = ended {
        let response = guarded.conclude(ended).await;
        return Ok(request.into_response(response));
    }
    let inside = Rc::<RefCell<Reservations>>::default();
    let _refunds = RefundsAfterPanic(Rc::clone(&inside));
    // Set once: a request passes one guard.
    let _ = guarded.state.reservations.set(Rc::clone(&inside));
    let bounds = match mounted.position {
        MountPosition::AroundService => guarded.begin_call(),
        MountPosition::Outermost | MountPosition::InsideWrap => Ok(CallBounds::NONE),
    };
    let bounds = match bounds {
        Ok(bounds) => bounds,
        Err(denial) => {
            let response = guarded.conclude(Outcome::Denied(denial)).await;
            return Ok(request.into_response(response));
        }
    };
    let GuardedRequest { state, client, authenticated, mut reservations, reading, .. } = guarded;
    let settings = state.settings.clone();
    request.set_payload(payload);
    let method = request.method().clone();
    let called = bounds.around(inner.call(request)).await;
    let (request, response) = match called.unwrap_or_else(|denial| Err(timed_out(mounted, &method, &denial))) {
        Ok(response) => response.into_parts(),
        Err(error) => {
            // A middleware further out turns this error into a response, but its status is known here.
            reservations.join(inside.take());
            reservations.settle(&settings.rate_limit_store, error.as_response_error().status_code()).await;
            return Err(error);
        }
    };
    reservations.join(inside.take());
    let Some(mut guarded) = GuardedRequest::begin(mounted, &request) else {
        let response = not_installed(mounted.policy);
        return Ok(ServiceResponse::new(request, response));
    };
    (guarded.client, guarded.authenticated) = (client, authenticated);
    (guarded.reservations, guarded.reading) = (reservations, reading);
    let response = guarded.conclude(Outcome::Responded(response)).await;
    Ok(ServiceResponse::new(request, response))
}

/// The service has the request, so the rejection is an error.
#[cold]
fn timed_out(mounted: &MountedPolicy, method: &Method, denial: &Denial) -> Error {
    let (status, reason, handler) = (denial.status, denial.reason, &mounted.policy.handler);
    audit::RejectedRequest {
        status,
        reason,
        method: method.as_str(),
        handler,
        client: &|| None,
        subject: None,
        actor: None,
    }
    .record();
    Problem::new(status).with_detail(denial.detail).with_retry_after(Duration::from_secs(1)).into()
}

/// If a middleware of the route panics, the reservations that were made inside it must be dropped while the panic unwinds: only
/// then they are refunded. The state of the request, which refers to them too, is dropped later.
struct RefundsAfterPanic(Rc<RefCell<Reservations>>);

impl Drop for RefundsAfterPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.take());
        }
    }
}

/// The methods that the path of a request has, if none of them is that of the request. The router notes it in the request.
pub(crate) struct Allow(pub(crate) HeaderValue);

/// The response of a scope if no endpoint matches. The scope's own demands apply to it too.
pub(crate) async fn fallback(mounted: &MountedPolicy, request: &HttpRequest) -> HttpResponse {
    let Some(mut guarded) = GuardedRequest::begin(mounted, request) else {
        return not_installed(mounted.policy);
    };
    let outcome = match guarded.admit().await {
        Err(denial) => Outcome::Denied(denial),
        Ok(_) => Outcome::Responded(no_route(guarded.state, request)),
    };
    guarded.conclude(outcome).await
}

/// The same behind the checks, for a fallback that is inside the middleware of a scope.
pub(crate) fn absent_response(request: &HttpRequest) -> HttpResponse {
    match RequestState::of(request) {
        Some(state) => no_route(state, request),
        None => HttpResponse::InternalServerError().finish(),
    }
}

/// 405 if the path has other methods, otherwise 404.
fn no_route(state: &RequestState, request: &HttpRequest) -> HttpResponse {
    let allow = request.extensions_mut().remove::<Allow>();
    let style = style_of(&state.settings, state.responses.get().map(Rc::as_ref));
    let mut response = render(style, absent(allow.is_some()).with_instance(request.path()));
    if let Some(Allow(methods)) = allow {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

/// One request and the state of its checks.
struct GuardedRequest<'p, 'r> {
    mounted: &'p MountedPolicy,
    request: &'r HttpRequest,
    state: &'r RequestState,
    settings: &'r Settings,
    client: OnceCell<Option<IpAddr>>,
    authenticated: Option<Authenticated>,
    reservations: Reservations,
    /// The body, while the arguments read it.
    reading: Option<Reading>,
    /// The fields of the input by which the scopes count.
    fields_of_scopes: Option<Box<FieldKeys>>,
}

impl<'p, 'r> GuardedRequest<'p, 'r> {
    /// `None` if the middleware is not installed: without settings nothing can be checked, so no request passes.
    fn begin(mounted: &'p MountedPolicy, request: &'r HttpRequest) -> Option<Self> {
        let state = RequestState::of(request)?;
        state.guarded.set(true);
        let (client, reservations) = (OnceCell::new(), Reservations::default());
        let settings = &state.settings;
        let (authenticated, reading, fields_of_scopes) = (None, None, None);
        Some(Self { mounted, request, state, settings, client, authenticated, reservations, reading, fields_of_scopes })
    }

    /// Runs the checks of the handler, unless they already ran outside the route's own middleware. Keeps the rows that the rule
    /// loaded, for the handler's [`Owned`](crate::Owned) arguments, and bounds the body that the arguments may read.
    async fn admit_once(&mut self, payload: &mut dev::Payload) -> Result<Authorized, Outcome> {
        let admitted = match self.mounted.position {
            MountPosition::Outermost | MountPosition::AroundService => self.admit().await,
            MountPosition::InsideWrap => self.admitted(),
        };
        let mut authorized = admitted.map_err(Outcome::Denied)?;
        if let Some(rows) = authorized.take_rows() {
            self.state.rows.replace(rows);
        }
        if dry_run::is_dry_run(self.request) {
            return Err(Outcome::LetThrough);
        }
        self.state.strict.set(self.mounted.policy.is_strict || self.settings.strict_input);
        if self.settings.strict_input && self.mounted.inputs.iter().any(InputArgument::is_of_actix) {
            // The route was not among those that were checked at startup.
            audit::misconfigured(
                &self.mounted.policy.handler,
                "`strict_input` needs the extractors of `palisade::input`",
            );
            return Err(Outcome::Denied(Denial::internal("input_not_strict")));
        }
        if !matches!(payload, dev::Payload::None) {
            self.reading = Some(self.bound_body(payload).map_err(Outcome::Denied)?);
        }
        Ok(authorized)
    }

    /// The proof from the checks that ran outside the route's own middleware. It can be taken once.
    fn admitted(&self) -> Result<Authorized, Denial> {
        self.state.authorized.take().ok_or_else(|| {
            audit::misconfigured(&self.mounted.policy.handler, "the route's `wrap` called the handler a second time");
            Denial::internal("not_admitted")
        })
    }

    /// Runs the checks in their order. The body is not read before they admit the request.
    async fn admit(&mut self) -> Result<Authorized, Denial> {
        if let Some(coding) = self.state.coding {
            self.check_coding(coding)?;
        }
        if let Some(networks) = &self.mounted.networks {
            self.check_networks(networks)?;
        }
        self.check_numbers()?;
        if self.is_charged(Stage::Connection) {
            self.charge(Stage::Connection, NO_FIELDS).await?;
        }
        match self.mounted.credentials {
            Credentials::Ignored => {}
            Credentials::Required => self.authenticate().await?,
            Credentials::Optional => match self.authenticate().await {
                Err(Denial { extra: Extra::Challenge(ChallengeCause::NoCredentials), .. }) => {}
                known => known?,
            },
        }
        if self.is_charged(Stage::Caller) {
            self.charge(Stage::Caller, NO_FIELDS).await?;
        }
        if self.authenticated.as_ref().is_some_and(Authenticated::is_ambient) {
            self.check_site()?;
        }
        if let Some(roles) = &self.settings.roles {
            self.check_roles_are_defined(roles)?;
        }
        let MountedPolicy { rules: outer, policy, rows, .. } = self.mounted;
        let rules = Rules { outer, own: &policy.rule, rows };
        let principal = self.authenticated.as_ref().map(Authenticated::principal);
        let Settings { owners, admin, proxies, .. } = self.settings;
        let access = AccessRequest { principal, request: self.request, owners, admin, proxies };
        let decided = match authz::decide(rules, access) {
            Ok(decided) => decided,
            // Only what may have to wait is on the heap.
            Err(facts) => Box::pin(authz::decide_later(rules, facts)).await,
        };
        decided.map_err(|rejection| self.denial(rejection))
    }

    /// The client's address. It is looked up once, and only if a rate limit or the audit trail needs it.
    fn client(&self) -> Option<IpAddr> {
        *self.client.get_or_init(|| self.settings.proxies.client(self.request.head()))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::Palisade;
    use crate::policy::{Policy, Rule, ScopeDemands};
    use crate::settings::{RequestStates, WorkerSettings};

    static PUBLIC: Policy = Policy::new(Rule::Public).of("tests", "public");

    /// actix-web boxes the future of each request. glibc keeps freed allocations of up to 1,032 bytes in a cache of the thread, and
    /// the arguments and the handler need some of them. A local variable that is borrowed stays in a future across each later
    /// `await`, so a large one belongs in a function that is not `async`.
    #[test]
    fn future_of_a_guarded_request_is_small() {
        let palisade = Palisade::builder().build().unwrap();
        let mut request = TestRequest::default().to_srv_request();
        request.add_data_container(RequestStates::default().take(WorkerSettings::new(&palisade.0), None));
        let (request, payload) = request.into_parts();
        let mounted = Rc::new(MountedPolicy::new(MountPosition::Outermost, &PUBLIC, ScopeDemands::NONE));
        let handler = without_checks(async || HttpResponse::Ok());
        let future = enforce(mounted, request, payload, handler);
        assert!((100..=640).contains(&size_of_val(&future)), "{} bytes", size_of_val(&future));
    }
}
