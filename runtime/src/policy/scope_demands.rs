//! The demands of the scopes around an endpoint.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Extensions;

use super::{Credentials, Network, Rule};
use crate::concurrency::{CountedTogether, HandlerConcurrency};
use crate::cors::CorsRules;
use crate::headers::SecurityHeaders;
use crate::problem::Restyle;
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;
use crate::rate_limit::RateLimit;

/// The demands of all scopes around an endpoint, and what else they give to it. The outermost scope is the first.
#[derive(Clone)]
pub(crate) struct ScopeDemands {
    pub(crate) rules: Vec<Rule>,
    pub(crate) rate_limits: Vec<ScopeRateLimit>,
    /// The client's address must be in one network of each list.
    pub(crate) networks: Vec<Arc<[Network]>>,
    /// The timeout of the innermost scope that has one.
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Vec<HandlerConcurrency>,
    /// How strictly the rules together treat credentials.
    pub(crate) credentials: Credentials,
    /// The middleware of the scopes. The innermost is the first.
    pub(crate) wraps: Vec<Wrap>,
    /// The application data of the scopes.
    pub(crate) data: Vec<Rc<Extensions>>,
    /// The rules for other origins of the innermost scope that has any.
    pub(crate) cors: Option<Rc<CorsRules>>,
    /// What the scopes change in the security headers.
    pub(crate) headers: Vec<Rc<SecurityHeaders>>,
    /// The style of problems of the innermost scope that has one.
    pub(crate) problems: Option<Rc<Restyle>>,
    /// The page to log in of the innermost scope that has one.
    pub(crate) login_page: Option<Rc<str>>,
    /// The protected resource of the innermost scope that is one.
    #[cfg(feature = "oauth")]
    pub(crate) resource: Option<ProtectedResource>,
}

/// Adds a middleware around a route.
pub(crate) type Wrap = Rc<dyn Fn(actix_web::Route) -> actix_web::Route>;

/// A rate limit of a scope, and the bucket that its endpoints share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeRateLimit {
    pub(crate) rate_limit: RateLimit,
    pub(crate) bucket: u64,
}

/// What one scope changes in the responses of its members.
#[derive(Default)]
pub(crate) struct OwnResponses {
    pub(crate) cors: Option<Box<CorsRules>>,
    pub(crate) headers: Option<SecurityHeaders>,
    pub(crate) problems: Option<Rc<Restyle>>,
    /// The path of the page to log in.
    pub(crate) login_page: Option<Rc<str>>,
}

impl ScopeDemands {
    pub(crate) const NONE: &'static Self = &Self::new();

    pub(crate) const fn new() -> Self {
        Self {
            rules: Vec::new(),
            rate_limits: Vec::new(),
            networks: Vec::new(),
            timeout: None,
            concurrency: Vec::new(),
            credentials: Credentials::Ignored,
            wraps: Vec::new(),
            data: Vec::new(),
            cors: None,
            headers: Vec::new(),
            problems: None,
            login_page: None,
            #[cfg(feature = "oauth")]
            resource: None,
        }
    }

    /// Adds the demands of an inner scope. `prefix` is its whole prefix, with those of the scopes around it.
    pub(crate) fn within(&self, prefix: &str, rules: &[Rule], rate_limits: &[RateLimit]) -> Self {
        let mut demands = self.clone();
        demands.rules.extend(rules);
        demands.credentials = rules.iter().fold(demands.credentials, |all, rule| all.and(rule.credentials()));
        let bucketed = |rate_limit: &RateLimit| ScopeRateLimit {
            bucket: rate_limit.bucket_of_scope(prefix),
            rate_limit: *rate_limit,
        };
        demands.rate_limits.extend(rate_limits.iter().map(bucketed));
        demands
    }

    /// Adds the networks of an inner scope.
    pub(crate) fn with_networks(mut self, networks: impl IntoIterator<Item = Arc<[Network]>>) -> Self {
        self.networks.extend(networks);
        self
    }

    /// Adds the limits of the calls of an inner scope.
    pub(crate) fn limited(
        mut self,
        prefix: &str,
        timeout: Option<Duration>,
        concurrency: Option<u32>,
        declared_at: &'static Location<'static>,
    ) -> Self {
        self.timeout = timeout.or(self.timeout);
        let of = || CountedTogether::Scope(prefix.into(), declared_at);
        self.concurrency.extend(concurrency.map(|limit| HandlerConcurrency { of: of(), limit }));
        self
    }

    /// Adds the middleware and the data of an inner scope. Of its middleware, the last one is the outermost, as in actix-web.
    pub(crate) fn with(mut self, wraps: Vec<Wrap>, data: Option<Rc<Extensions>>) -> Self {
        self.wraps.splice(..0, wraps);
        self.data.extend(data);
        self
    }

    /// Adds what an inner scope changes in responses.
    pub(crate) fn responding(mut self, own: OwnResponses) -> Self {
        self.cors = own.cors.map(|rules| Rc::new(*rules)).or(self.cors);
        self.headers.extend(own.headers.map(Rc::new));
        self.problems = own.problems.or(self.problems);
        self.login_page = own.login_page.or(self.login_page);
        self
    }

    /// Adds the resource that an inner scope is.
    #[cfg(feature = "oauth")]
    pub(crate) fn of_resource(mut self, own: Option<ProtectedResource>) -> Self {
        self.resource = own.or(self.resource);
        self
    }

    /// The route inside the middleware of all scopes.
    pub(crate) fn wrapped(&self, route: actix_web::Route) -> actix_web::Route {
        self.wraps.iter().fold(route, |route, wrap| wrap(route))
    }
}

impl fmt::Debug for ScopeDemands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeDemands")
            .field("rules", &self.rules)
            .field("rate_limits", &self.rate_limits)
            .finish_non_exhaustive()
    }
}
