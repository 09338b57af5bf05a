//! The configuration of an application, which all workers share, and the state of one request. It contains data only: the logic
//! of proxies, CORS or error styles is in their own modules.

mod challenges;
mod reassessment;
mod request_state;

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::challenges::PreparedChallenges;
pub(crate) use self::reassessment::{Lapse, Reassess, Reassessment, StillAdmitted};
pub(crate) use self::request_state::{RequestState, RequestStates};
use crate::authn::{Authenticator, PrincipalLookup, SenderConstraint};
use crate::authz::Owners;
use crate::body::BodyTimeouts;
use crate::concurrency::{ConcurrencyCounter, ConcurrencyCounters};
use crate::cors::CorsRules;
use crate::document::InputLimits;
use crate::headers::ApplicationHeaders;
use crate::host::HostRules;
use crate::policy::Rule;
use crate::policy_table::PolicyTable;
use crate::problem::{FieldError, Restyle};
use crate::proxy::address_ranges::AddressRanges;
use crate::proxy::{AddressGroup, TrustedProxies};
use crate::rate_limit::{ConfiguredRateLimits, RateLimitHeaders, RateLimitMode, RateLimitStore};
use crate::role::RoleName;
use crate::role::Roles;

/// Returns the sentence of an error in the language of the client.
pub(crate) type InputMessages = dyn Fn(&FieldError, Option<&str>) -> Option<String> + Send + Sync;

pub(crate) struct Settings {
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    /// Completes or rejects each caller.
    pub(crate) principal_lookup: Option<PrincipalLookup>,
    /// Checks the proofs of bound credentials.
    pub(crate) sender: Option<Arc<dyn SenderConstraint>>,
    pub(crate) challenges: PreparedChallenges,
    pub(crate) rate_limit_store: RateLimitStore,
    /// The numbers of the rate limits that attributes name.
    pub(crate) rate_limits: ConfiguredRateLimits,
    pub(crate) exempt_from_rate_limits: ExemptClients,
    pub(crate) rate_limit_mode: RateLimitMode,
    pub(crate) rate_limit_wait: Duration,
    pub(crate) rate_limit_headers: RateLimitHeaders,
    pub(crate) headers: Arc<ApplicationHeaders>,
    pub(crate) cors: CorsRules,
    pub(crate) hosts: HostRules,
    pub(crate) proxies: TrustedProxies,
    pub(crate) group: AddressGroup,
    pub(crate) restyle: Option<Box<Restyle>>,
    pub(crate) input_messages: Option<Box<InputMessages>>,
    /// Whether error responses show clients the internal cause.
    pub(crate) reveal: bool,
    pub(crate) owners: Owners,
    pub(crate) roles: Option<Roles>,
    /// The role of administrators.
    pub(crate) admin: RoleName,
    pub(crate) realm: String,
    pub(crate) exempt: Vec<Exempt>,
    /// How long a handler may take, if neither it nor a scope says otherwise.
    pub(crate) timeout: Option<Duration>,
    /// Counts the requests inside of all handlers.
    pub(crate) process_concurrency: Option<Arc<ConcurrencyCounter>>,
    /// Whether one of these two is set.
    pub(crate) limits_calls: bool,
    /// The counters of handlers and scopes.
    pub(crate) concurrency: ConcurrencyCounters,
    /// How often the caller of a long-lived response is checked again, if the handler does not say otherwise.
    pub(crate) admission_interval: Duration,
    /// How many bytes the head of a request may have.
    pub(crate) head_limit: usize,
    pub(crate) body_timeouts: BodyTimeouts,
    pub(crate) input_limits: InputLimits,
    /// How many bytes a body may have as it is sent, if the route sets no limit of its own.
    pub(crate) body_limit: u64,
    /// Whether unknown fields are rejected on each route.
    pub(crate) strict_input: bool,
    /// How many bytes a compressed body may inflate to, if the route sets no limit of its own. `None`: compressed bodies are
    /// rejected.
    pub(crate) compressed: Option<u64>,
    pub(crate) policies: PolicyTable,
}

/// A mount that may hold services without a policy, and the reason for it.
#[derive(Clone, Debug)]
pub(crate) struct Exempt {
    pub(crate) prefix: String,
    pub(crate) reason: String,
}

/// The clients that no rate limit counts.
#[derive(Debug, Default)]
pub(crate) struct ExemptClients {
    pub(crate) addresses: AddressRanges,
    /// A caller is exempt who meets any of these rules.
    pub(crate) rules: Vec<Rule>,
}

impl ExemptClients {
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("authenticators", &self.authenticators.len())
            .field("rate_limit_mode", &self.rate_limit_mode)
            .field("headers", &self.headers.prepared)
            .field("cors", &self.cors)
            .field("proxies", &self.proxies)
            .field("strict_input", &self.strict_input)
            .finish_non_exhaustive()
    }
}

/// The settings as one worker holds them. Each worker counts its own references, so that workers do not contend for one atomic
/// counter on every request.
#[derive(Clone)]
pub(crate) struct WorkerSettings(Rc<PerWorker>);

struct PerWorker(Arc<Settings>);

impl WorkerSettings {
    pub(crate) fn new(settings: &Arc<Settings>) -> Self {
        Self(Rc::new(PerWorker(Arc::clone(settings))))
    }

    pub(crate) fn of_all_workers(&self) -> Arc<Settings> {
        Arc::clone(&self.0.0)
    }
}

impl Deref for WorkerSettings {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0.0
    }
}
