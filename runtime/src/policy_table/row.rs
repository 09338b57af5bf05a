//! One route and all of its requirements.
//!
//! Threat: a list that shows the attributes of a handler and omits the demands of its scopes. Promise: a row contains the rules and
//! rate limits of the scopes, each with the prefix of its scope. A route counts as public only if no rule restricts it.

use std::fmt::Write as _;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::browser::RowCors;
use super::words;
use crate::config_error::Mistakes;
use crate::headers::SecurityHeaders;
use crate::policy::{HandlerPath, Network, Policy, Route, Rule, Validation};
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;
use crate::rate_limit::{ConfiguredRateLimits, RateLimit};
use crate::role::RoleName;

/// One route of a [`PolicyTable`](crate::PolicyTable).
///
/// ```
/// use palisade::policy_table::PolicyRow;
///
/// fn describe(row: &PolicyRow) -> String {
///     format!("{} {}: {}", row.methods().join(","), row.path(), row.access())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PolicyRow {
    methods: &'static [&'static str],
    /// The prefix of the scope that the route is in, with the prefixes of the scopes around it.
    scope: String,
    path: String,
    policy: &'static Policy,
    outer: Vec<(String, Rule)>,
    /// The networks that the scopes demand, each with the prefix of its scope.
    networks: Vec<(String, Arc<[Network]>)>,
    /// Those of the handler, then those of the scopes, each with the prefix of its scope.
    rate_limits: Vec<(RateLimit, Option<String>)>,
    /// The timeout of the innermost scope that has one.
    pub(super) scope_timeout: Option<(String, Duration)>,
    pub(super) scope_concurrency: Vec<(String, u32)>,
    /// The timeout and the concurrency of the application.
    pub(super) application: (Option<Duration>, Option<u32>),
    /// What changes in the security headers: by the scopes, the outermost first, each with its prefix, and then by the handler.
    headers: Vec<(SecurityHeaders, Option<String>)>,
    admin: RoleName,
    takes_row_filter: bool,
    /// Whether an argument that carries input is an extractor of actix-web.
    takes_actix_input: bool,
    cors: RowCors,
    /// The protected resource of the innermost scope that is one, with the prefix of that scope.
    #[cfg(feature = "oauth")]
    pub(super) resource: Option<(String, ProtectedResource)>,
    /// The protected resource whose metadata the route serves.
    #[cfg(feature = "oauth")]
    pub(super) metadata_of: Option<ProtectedResource>,
}

/// Whether a route can be called without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openness {
    /// Each caller is admitted, from everywhere.
    Public,
    /// Each caller is rejected, regardless of the credentials.
    Denied,
    /// Access depends on the caller, or on the network.
    Guarded,
}

impl PolicyRow {
    /// `outer` and `scope_rate_limits` are the demands of the scopes around the route, the outermost first, each with the prefix of
    /// its scope.
    pub(crate) fn new(
        route: &Route,
        prefix: &str,
        policy: &'static Policy,
        outer: &[(String, Rule)],
        scope_rate_limits: &[(String, RateLimit)],
    ) -> Self {
        let path = route.shown_below(prefix);
        let own = policy.rate_limits.iter().map(|rate_limit| (*rate_limit, None));
        let of_scopes = scope_rate_limits.iter().map(|(scope, rate_limit)| (*rate_limit, Some(scope.clone())));
        let (outer, networks, rate_limits) = (outer.to_vec(), Vec::new(), own.chain(of_scopes).collect());
        let admin = RoleName::ADMIN;
        let scope = prefix.to_owned();
        let (takes_row_filter, takes_actix_input) = (false, false);
        let methods = route.methods;
        let (scope_timeout, scope_concurrency, application) = (None, Vec::new(), (None, None));
        Self {
            methods,
            scope,
            path,
            policy,
            outer,
            networks,
            headers: Vec::new(),
            rate_limits,
            scope_timeout,
            scope_concurrency,
            application,
            admin,
            takes_row_filter,
            takes_actix_input,
            cors: RowCors::default(),
            #[cfg(feature = "oauth")]
            resource: None,
            #[cfg(feature = "oauth")]
            metadata_of: None,
        }
        .with_headers(&[])
    }

    /// Adds the limits that the scopes set for calls, each with the prefix of its scope.
    pub(crate) fn with_call_limits(
        mut self,
        timeout: Option<&(String, Duration)>,
        concurrency: &[(String, u32)],
    ) -> Self {
        self.scope_timeout = timeout.cloned();
        self.scope_concurrency = concurrency.to_vec();
        self
    }

    pub(super) fn add_application_limits(&mut self, timeout: Option<Duration>, concurrency: Option<u32>) {
        self.application = (timeout, concurrency);
    }

    /// Notes the networks that the scopes demand, each with the prefix of its scope.
    pub(crate) fn with_networks(mut self, networks: &[(String, Arc<[Network]>)]) -> Self {
        self.networks = networks.to_vec();
        self
    }

    /// The networks that the scopes demand, each with the prefix of its scope. The client must be in one of each.
    pub(crate) fn networks(&self) -> &[(String, Arc<[Network]>)] {
        &self.networks
    }

    /// Notes the rule for other origins.
    pub(crate) fn with_cors(mut self, cors: RowCors) -> Self {
        self.cors = cors;
        self
    }

    pub(super) fn cors(&self) -> &RowCors {
        &self.cors
    }

    /// Notes what the scopes around the route change in the security headers, the outermost first, each with its prefix.
    pub(crate) fn with_headers(mut self, of_scopes: &[(String, SecurityHeaders)]) -> Self {
        let own =
            (!self.policy.header_changes.is_empty()).then(|| (SecurityHeaders::of(self.policy.header_changes), None));
        let of_scopes = of_scopes.iter().map(|(scope, headers)| (headers.clone(), Some(scope.clone())));
        self.headers = of_scopes.chain(own).collect();
        self
    }

    /// Notes what the handler takes.
    pub(crate) fn with_arguments(mut self, takes_row_filter: bool, takes_actix_input: bool) -> Self {
        self.takes_row_filter = takes_row_filter;
        self.takes_actix_input = takes_actix_input;
        self
    }

    /// Whether an argument that carries input is an extractor of actix-web, which cannot be strict.
    pub(crate) fn takes_actix_input(&self) -> bool {
        self.takes_actix_input
    }

    pub(super) fn name_admin(&mut self, admin: &RoleName) {
        self.admin = admin.clone();
    }

    /// The role of administrators, for `owner_or_admin` and [`RowFilter`](crate::RowFilter).
    pub(crate) fn admin_role(&self) -> &RoleName {
        &self.admin
    }

    /// Whether the handler takes a [`RowFilter`](crate::RowFilter), so that its list depends on the caller.
    #[must_use]
    pub fn takes_row_filter(&self) -> bool {
        self.takes_row_filter
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// The rules of the scopes, each with the prefix of its scope, the outermost first.
    pub(crate) fn outer(&self) -> &[(String, Rule)] {
        &self.outer
    }

    /// A rule as attributes.
    pub(crate) fn words(&self, rule: &Rule) -> String {
        rule.as_attributes(&self.admin).to_string()
    }

    /// The declared methods. `GET` also serves `HEAD`. `*` is each method, for a [`guarded`](crate::scope::guarded) service and for a
    /// [`default_service`](crate::Scope::default_service).
    #[must_use]
    pub fn methods(&self) -> &[&str] {
        self.methods
    }

    /// The path template with the prefixes of the scopes around it. For a service that gets all paths below its own, it ends with `/*`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The policy of the handler.
    #[must_use]
    pub fn policy(&self) -> &'static Policy {
        self.policy
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> HandlerPath {
        self.policy.handler
    }

    /// The source location of the attributes.
    #[must_use]
    pub fn declared_at(&self) -> &'static Location<'static> {
        self.policy.declared_at
    }

    /// The reason given by `#[public("..")]` or `#[deny_all("..")]`.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.policy.reason
    }

    /// Why the handler may contain SQL that is not a literal. `None` without `#[allow_raw_sql("..")]`.
    #[must_use]
    pub fn raw_sql_reason(&self) -> Option<&'static str> {
        self.policy.raw_sql
    }

    /// The reasons as the table shows them: why the route is public or closed, and why the handler may contain raw SQL.
    pub(super) fn reasons(&self) -> String {
        let raw_sql = self.raw_sql_reason().map(|reason| format!("raw SQL: {reason}"));
        let parts = [self.reason().map(str::to_owned), raw_sql];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Who may call, as attributes. The rules of the scopes come first: `require_role("admin") (scope /admin), owner(id)`. All of
    /// them must hold.
    #[must_use]
    pub fn access(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail, here and below.
        for (scope, networks) in &self.networks {
            let _ = write!(text, "{} (scope {}), ", words::network_words(networks), words::prefix_or_slash(scope));
        }
        if let Some((scope, identifier)) = self.resource_of_scope() {
            let _ = write!(text, "protected_resource({identifier:?}) (scope {}), ", words::prefix_or_slash(scope));
        }
        for (scope, rule) in &self.outer {
            let _ = write!(text, "{} (scope {}), ", rule.as_attributes(&self.admin), words::prefix_or_slash(scope));
        }
        let _ = write!(text, "{}", self.policy.rule.as_attributes(&self.admin));
        text
    }

    /// The access rule that the handler itself declares.
    pub(super) fn own_access(&self) -> String {
        self.words(&self.policy.rule)
    }

    /// The rate limits that the handler itself declares.
    pub(super) fn own_rate_limits(&self) -> String {
        let own = self.each_rate_limit().filter(|(_, scope)| scope.is_none());
        own.map(|(own, _)| words::rate_limit(own, None)).collect::<Vec<_>>().join("; ")
    }

    /// How often a client may call. The rate limits of the handler come first: `5 per 15m (failures); 100 per 15m (scope /api)`.
    /// Each of them must admit a request. Empty without rate limits.
    #[must_use]
    pub fn rate_limits(&self) -> String {
        let all: Vec<String> =
            self.each_rate_limit().map(|(rate_limit, scope)| words::rate_limit(rate_limit, scope)).collect();
        all.join("; ")
    }

    /// `inputs` if each input is validated, or the names of the validated arguments. Empty if none is validated.
    #[must_use]
    pub fn validates(&self) -> String {
        match self.policy.validation {
            Validation::None => String::new(),
            Validation::Inputs => "inputs".to_owned(),
            Validation::InputsExcept(names) => format!("inputs except {}", names.join(", ")),
            Validation::Named(names) => names.join(", "),
        }
    }

    /// How many bytes a body may have. `None` without `#[body_limit("..")]`: the limit is then that of the application.
    #[must_use]
    pub fn max_body_bytes(&self) -> Option<u64> {
        self.policy.body_limit
    }

    /// How many bytes a compressed body may inflate to. `None` without `#[compressed_body("..")]`.
    #[must_use]
    pub fn max_inflated_bytes(&self) -> Option<u64> {
        self.policy.compressed
    }

    /// The input as the table shows it: which arguments are validated, whether unknown fields are rejected, how large the body may
    /// be, and whether it may be compressed.
    pub(super) fn input(&self) -> String {
        let Policy { is_strict, body_limit, compressed, .. } = self.policy;
        let validates = Some(self.validates()).filter(|text| !text.is_empty());
        let strict = is_strict.then(|| "strict".to_owned());
        let body = body_limit.map(|bytes| format!("body up to {}", words::size(bytes)));
        let compressed = compressed.map(|bytes| format!("compressed up to {}", words::size(bytes)));
        let parts = [validates, strict, body, compressed];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn each_header_change(&self) -> impl Iterator<Item = (&SecurityHeaders, Option<&str>)> {
        self.headers.iter().map(|(headers, scope)| (headers, scope.as_deref()))
    }

    /// Whether the route can be called without credentials.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.openness() == Openness::Public
    }

    /// All rules that must hold: the rules of the scopes, then the rule of the handler.
    pub(crate) fn rules(&self) -> impl Iterator<Item = Rule> {
        self.each_rule().map(|(rule, _)| *rule)
    }

    pub(super) fn each_rule(&self) -> impl Iterator<Item = (&Rule, Option<&str>)> {
        let outer = self.outer.iter().map(|(scope, rule)| (rule, Some(&**scope)));
        outer.chain([(&self.policy.rule, None)])
    }

    pub(crate) fn each_rate_limit(&self) -> impl Iterator<Item = (&RateLimit, Option<&str>)> {
        self.rate_limits.iter().map(|(rate_limit, scope)| (rate_limit, scope.as_deref()))
    }

    /// Adds the numbers of the configured rate limits, and reports each one that has none.
    pub(super) fn add_numbers(&mut self, configured: &ConfiguredRateLimits, mistakes: &mut Mistakes) {
        for (rate_limit, scope) in &mut self.rate_limits {
            match rate_limit.with_numbers(configured) {
                Ok(with_numbers) => *rate_limit = with_numbers,
                Err(problem) => {
                    let used_by = match scope {
                        Some(prefix) => format!("the scope {} uses it", words::prefix_or_slash(prefix)),
                        None => format!("{} uses it", self.policy.declared()),
                    };
                    mistakes.report(format!("rate_limit {:?}", rate_limit.name), format!("{problem}; {used_by}"));
                }
            }
        }
    }

    pub(super) fn openness(&self) -> Openness {
        if self.rules().any(|rule| admits_nobody(&rule)) {
            Openness::Denied
        } else if self.networks.is_empty() && self.rules().all(|rule| !rule.needs_principal()) {
            Openness::Public
        } else {
            Openness::Guarded
        }
    }
}

/// Returns whether the rule rejects each caller by its structure alone. Roles and functions are not evaluated.
fn admits_nobody(rule: &Rule) -> bool {
    match rule {
        Rule::Nobody | Rule::All([]) | Rule::Any([]) | Rule::AuthenticatedBy([]) | Rule::Network([]) => true,
        Rule::All(rules) => rules.iter().any(admits_nobody),
        Rule::Any(rules) => rules.iter().all(admits_nobody),
        Rule::Not(rule) => matches!(rule, Rule::Public | Rule::OptionalAuth | Rule::Authenticated),
        _ => false,
    }
}
