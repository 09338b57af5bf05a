//! What an application is configured with, once, for all workers.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};

use crate::authn::Authenticator;
use crate::authz::{Authorized, Owners, Rows};
use crate::body::{BodyTimeouts, Coding};
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;
use crate::policy::Rule;
use crate::policy_table::PolicyTable;
use crate::principal::Principal;
use crate::problem::Problem;
use crate::proxy::address_ranges::AddressRanges;
use crate::proxy::{AddressGroup, TrustedProxies};
use crate::rate_limit::Reservations;
use crate::rate_limit::{RateLimitHeaders, RateLimitMode, RateLimitStore};
use crate::role::RoleName;
use crate::role::Roles;

/// A function that gives every problem the look of the application.
pub(crate) type Restyle = dyn Fn(Problem) -> HttpResponse + Send + Sync;

pub(crate) struct Settings {
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    pub(crate) challenges: Challenges,
    pub(crate) rate_limit_store: RateLimitStore,
    pub(crate) exempt_from_rate_limits: Unlimited,
    pub(crate) rate_limit_mode: RateLimitMode,
    pub(crate) rate_limit_wait: Duration,
    pub(crate) rate_limit_headers: RateLimitHeaders,
    pub(crate) headers: SecurityHeaders,
    pub(crate) cors: CorsRules,
    pub(crate) proxies: TrustedProxies,
    pub(crate) group: AddressGroup,
    pub(crate) restyle: Option<Box<Restyle>>,
    /// Whether clients are shown what went wrong inside of the server.
    pub(crate) reveal: bool,
    pub(crate) owners: Owners,
    pub(crate) roles: Option<Roles>,
    /// The role of administrators.
    pub(crate) admin: RoleName,
    pub(crate) realm: String,
    pub(crate) exempt: Vec<Exempt>,
    pub(crate) body_timeouts: BodyTimeouts,
    /// How many bytes a compressed body may inflate to, where no route says it.
    pub(crate) compressed: Option<u64>,
    pub(crate) policies: PolicyTable,
}

/// Where services without a policy may answer, and why.
#[derive(Clone, Debug)]
pub(crate) struct Exempt {
    pub(crate) prefix: String,
    pub(crate) reason: String,
}

/// Who is counted by no rate limit.
#[derive(Debug, Default)]
pub(crate) struct Unlimited {
    pub(crate) addresses: AddressRanges,
    /// Any of these.
    pub(crate) rules: Vec<Rule>,
}

impl Unlimited {
    pub(crate) fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.rules.is_empty()
    }
}

/// One `WWW-Authenticate` value for each scheme, prepared at boot.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    pub(crate) without_credentials: Vec<HeaderValue>,
    pub(crate) after_bad_credentials: Vec<HeaderValue>,
}

impl Settings {
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        self.proxies.client(head)
    }

    /// The address as rate limits count it.
    pub(crate) fn network(&self, address: IpAddr) -> IpAddr {
        self.group.client_of(address)
    }

    /// The problem as a response in the application's style; the status and `Retry-After` are not the style's to change.
    pub(crate) fn render(&self, problem: Problem) -> HttpResponse {
        let Some(restyle) = &self.restyle else {
            return problem.response();
        };
        // The style is the application's code, and an error must be answered even where that panics.
        let styled = catch_unwind(AssertUnwindSafe(|| restyle(problem.clone())));
        let mut response = styled.unwrap_or_else(|_| problem.response());
        *response.status_mut() = problem.status();
        if let Some(seconds) = problem.seconds_to_wait() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("authenticators", &self.authenticators.len())
            .field("rate_limit_mode", &self.rate_limit_mode)
            .field("headers", &self.headers)
            .field("cors", &self.cors)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

/// The settings as one worker holds them: it counts its own references, so that workers do not contend for one counter on
/// every request.
#[derive(Clone)]
pub(crate) struct Shared(Rc<PerWorker>);

struct PerWorker(Arc<Settings>);

impl Shared {
    pub(crate) fn new(settings: &Arc<Settings>) -> Self {
        Self(Rc::new(PerWorker(Arc::clone(settings))))
    }

    pub(crate) fn of_all_workers(&self) -> Arc<Settings> {
        Arc::clone(&self.0.0)
    }
}

impl Deref for Shared {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0.0
    }
}

/// What the middleware tells the guard about a request, and the guard the middleware.
///
/// It lives in the request's extensions under a type that nobody else can name, so no header and no other middleware can
/// claim that a request was checked.
pub(crate) struct RequestState {
    pub(crate) settings: Shared,
    /// The coding of the body, which is in the headers no more.
    pub(crate) coding: Option<Coding>,
    /// Set by the guard, and only there.
    pub(crate) guarded: Cell<bool>,
    pub(crate) principal: OnceCell<Principal>,
    /// On its way from the guard, through the route's own middleware, to the handler.
    pub(crate) authorized: Cell<Option<Authorized>>,
    /// What was loaded for the decision, until the handler takes it.
    pub(crate) rows: RefCell<Rows>,
    /// What the handler's input was charged, on its way out through the route's own middleware, behind which it settles. Set
    /// where there is such a middleware, which keeps hold of it: what fails there returns no request.
    pub(crate) reservations: OnceCell<Rc<RefCell<Reservations>>>,
    /// One refusal is one event, however many layers it passes.
    pub(crate) audited: Cell<bool>,
}

impl RequestState {
    pub(crate) fn new(settings: Shared, coding: Option<Coding>) -> Self {
        Self {
            settings,
            coding,
            guarded: Cell::new(false),
            principal: OnceCell::new(),
            authorized: Cell::new(None),
            rows: RefCell::new(Vec::new()),
            reservations: OnceCell::new(),
            audited: Cell::new(false),
        }
    }
}
