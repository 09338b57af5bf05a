//! Scopes of endpoints.
//!
//! Threat: an unguarded route beside a guarded one: a raw handler, a method that was forgotten (ASVS V4.1.4), or an endpoint that
//! does not inherit the demands of its group. Promise: a scope accepts only members that have a policy. Its demands apply to each
//! member, beside the member's own, and to each unknown path below its prefix. A wrong method gets 405 with `Allow`, and `GET` also
//! serves `HEAD`.
//!
//! ```
//! use palisade::{authenticated, get};
//!
//! #[get("/me")]
//! #[authenticated]
//! async fn me() -> &'static str {
//!     "me"
//! }
//!
//! let admin = palisade::scope("/admin").require_role("admin").service(me);
//! let routes = palisade::scope("/api").service(admin);
//! assert!(routes.verify().is_ok());
//! ```

mod actix_methods;
mod call_limits;
mod index;
mod logic;
mod members;
mod one_path;
#[cfg(feature = "oauth")]
mod protected_resource;
mod rate_limits;
mod register;
mod resource_path;
mod responses;
mod router;
mod siblings;
#[cfg(test)]
mod tests;
mod verified;
mod verify;
mod walk;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Extensions;
use palisade_grammar::network;

pub use self::actix_methods::{Configuration, NoExternalResource, NoWrapFunction, ServiceConfig, WithoutPolicy};
use self::members::Mount;
#[cfg(feature = "testing")]
pub use self::members::add_at;
pub use self::members::{DefaultService, Guarded, MountedService, ScopeItem, guarded};
use crate::config_error::ConfigError;
use crate::endpoint::Guards;
use crate::policy::{AuthScheme, Network, OwnResponses, Rule, StepUp, Wrap};
use crate::policy_table::PolicyTable;
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;
use crate::rate_limit::RateLimit;
use crate::role::RoleName;

pub(crate) use self::verify::check_policy_table;

/// Creates a scope for endpoints. Each endpoint in it has a policy.
///
/// A request must meet the demands of the scope and those of the endpoint. Scopes can be nested, and the demands of an outer scope
/// apply to its inner scopes. An empty prefix groups endpoints without changing their paths. Its demands then do not apply to unknown
/// paths. A scope with a prefix gets all requests below it, so a second scope with the same
/// prefix gets a request only if a [guard](Scope::guard) of the first one rejects it.
///
/// A scope with a prefix finds one of its routes without asking the others. Routes without a prefix are in the router of the
/// application, which asks them one after the other.
///
/// ```
/// use std::time::Duration;
/// use actix_web::App;
/// use palisade::{RateLimit, authenticated, delete, get, require_permission};
///
/// #[get("/me")]
/// #[authenticated]
/// async fn me(principal: palisade::Principal) -> String {
///     principal.subject().to_owned()
/// }
///
/// #[delete("/cache")]
/// #[require_permission("cache:clear")]
/// async fn clear_cache() -> &'static str {
///     "cleared"
/// }
///
/// let app = App::new().service(
///     palisade::scope("/api")
///         .rate_limit(RateLimit::new("api", 100, Duration::from_secs(15 * 60)))
///         .service(me)
///         .service(palisade::scope("/admin").require_role("admin").service(clear_cache)),
/// );
/// ```
///
/// A handler without a policy does not compile:
///
/// ```compile_fail,E0277
/// async fn raw() -> &'static str { "open to all" }
/// palisade::scope("/api").service(raw);
/// ```
///
/// # Panics
///
/// Panics when the application is built, if [`Scope::verify`] finds a mistake.
#[track_caller]
pub fn scope(prefix: &str) -> Scope {
    let prefix = prefix.trim_matches('/');
    // As in actix-web, a prefix always begins with a slash.
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    Scope {
        prefix,
        rules: Vec::new(),
        networks: Vec::new(),
        network_mistakes: Vec::new(),
        rate_limits: Vec::new(),
        timeout: None,
        concurrency: None,
        items: Vec::new(),
        guards: Guards::default(),
        wraps: Vec::new(),
        data: None,
        responses: OwnResponses::default(),
        default: None,
        #[cfg(feature = "oauth")]
        resource: None,
        declared_at: Location::caller(),
    }
}

/// See [`scope`].
///
/// Its methods for demands, such as [`require_role`](Self::require_role), apply to each member, and to unknown paths if it has a prefix. Its other methods
/// are those of [`actix_web::Scope`], as far as they keep the promise of this module:
///
/// | actix-web's `Scope` | here |
/// |---|---|
/// | `service` | [`service`](Self::service): an endpoint, another scope, or a [`guarded`] service |
/// | `configure` | [`configure`](Self::configure), with a [`ServiceConfig`] of this module |
/// | `app_data` | [`app_data`](Self::app_data) |
/// | `guard` | [`guard`](Self::guard) |
/// | `wrap` | [`wrap`](Self::wrap): the middleware gets only requests that passed the checks |
/// | `wrap_fn` | does not compile: use `.wrap(actix_web::middleware::from_fn(..))` |
/// | `default_service` | [`default_service`](Self::default_service), with a policy |
/// | `route` | does not compile: write a route attribute above the handler, and use `service` |
///
/// The methods of actix-web's `App` are not replaced: palisade's routes are services of an ordinary `App`.
///
/// | actix-web's `App` | with palisade |
/// |---|---|
/// | `service`, `configure` | unchanged: a [`scope`] or a single endpoint is a service, also in actix-web's `ServiceConfig` |
/// | `route`, `default_service` | unchanged, for a function with access attributes and without a route attribute: `web::get().to(f)` |
/// | `app_data`, `data_factory`, `external_resource` | unchanged |
/// | `wrap`, `wrap_fn` | unchanged: [`Palisade`](crate::Palisade) is the last `wrap`; see [`deferring`](mod@crate::deferring) |
#[must_use]
pub struct Scope {
    prefix: String,
    rules: Vec<Rule>,
    /// The client must be in one network of each list.
    networks: Vec<Arc<[Network]>>,
    /// What could not be read as a network.
    network_mistakes: Vec<String>,
    rate_limits: Vec<RateLimit>,
    timeout: Option<Duration>,
    concurrency: Option<u32>,
    items: Vec<ScopeItem>,
    guards: Guards,
    wraps: Vec<Wrap>,
    data: Option<Extensions>,
    responses: OwnResponses,
    default: Option<Mount>,
    #[cfg(feature = "oauth")]
    resource: Option<ProtectedResource>,
    declared_at: &'static Location<'static>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("prefix", &self.prefix).field("members", &self.items).finish_non_exhaustive()
    }
}

impl Scope {
    /// Adds an endpoint, an inner scope, or a [`guarded`] service.
    ///
    /// A generic handler is added as `list::<Postgres>`: see [`get`](macro@crate::get).
    pub fn service<Form>(mut self, member: impl Guarded<Form>) -> Self {
        self.items.push(member.into_item());
        self
    }

    /// Adds a rate limit that all endpoints and all unknown paths of the scope share.
    ///
    /// Can be repeated: each rate limit must admit a request. A rate limit [by principal](crate::rate_limit::By::Principal) counts
    /// by address on routes that do not require a principal.
    pub fn rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limits.push(rate_limit);
        self
    }

    /// Requires a principal, as `#[authenticated]` does.
    pub fn authenticated(self) -> Self {
        self.authorize(Rule::Authenticated)
    }

    /// Requires a principal with a credential of one of these schemes, as `#[authenticated(by = api_key)]` does. Only authenticators
    /// of these schemes are asked: a credential of another scheme is ignored, and a request without one of these schemes gets
    /// 401.
    ///
    /// A member that chooses schemes too accepts those that are in both. If there can be none, [`verify`](Self::verify) reports it.
    ///
    /// ```
    /// use palisade::policy::AuthScheme;
    ///
    /// let scope = palisade::scope("/machines").authenticated_by(&[AuthScheme::ApiKeys, AuthScheme::Named("Bearer")]);
    /// # let _ = scope;
    /// ```
    pub fn authenticated_by(self, schemes: &'static [AuthScheme]) -> Self {
        self.authorize(Rule::AuthenticatedBy(schemes))
    }

    /// Admits only clients in one of these networks, such as `"10.0.0.0/8"`, `"fd00::/8"` or `"192.0.2.7"`. Others get 403 before
    /// anything else is checked. If it is repeated, the client must be in one network of each call.
    ///
    /// It needs no principal, so it also applies to public routes and to unknown paths. The policy table does not count such a
    /// route as public. For a network as one condition among others, write `network("10.0.0.0/8")` in
    /// [`authorize`](macro@crate::authorize).
    ///
    /// The address is that of the client behind [trusted proxies](crate::PalisadeBuilder::trusted_proxies); `::ffff:10.0.0.1` is
    /// `10.0.0.1`. A client whose address is not known gets 403.
    ///
    /// Danger: behind a proxy that is not configured as trusted, each client has the address of the proxy. An address is no
    /// identity: whoever shares the network is admitted (CWE-291). Text that is not a network is reported by
    /// [`verify`](Self::verify).
    ///
    /// ```
    /// use palisade::{get, public};
    ///
    /// #[get("/metrics")]
    /// #[public("scraped in the cluster")]
    /// async fn metrics() -> &'static str {
    ///     "up 1"
    /// }
    ///
    /// let scope = palisade::scope("/internal").network(["10.0.0.0/8", "fd00::/8"]).service(metrics);
    /// assert!(scope.verify().is_ok() && !scope.policies().rows()[0].is_public());
    /// ```
    pub fn network(mut self, ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut networks = Vec::new();
        for range in ranges {
            let text = range.as_ref();
            match Network::parse(text) {
                Ok(network) => networks.push(network),
                Err(error) => self.network_mistakes.push(format!("{}: {}", error.message(text), error.help(text))),
            }
        }
        if networks.is_empty() && self.network_mistakes.is_empty() {
            self.network_mistakes.push(format!("it has no network, so it admits nobody: {}", network::FORMS));
        }
        self.networks.push(networks.into());
        self
    }

    /// Requires a role, as `#[require_role("admin")]` does. For a typed role, write `Role::Admin.role_name()`.
    pub fn require_role(self, role: &'static str) -> Self {
        self.authorize(Rule::Role(role))
    }

    /// Requires a permission, as `#[require_permission("users:delete")]` does.
    pub fn require_permission(self, permission: &'static str) -> Self {
        self.authorize(Rule::Permission(permission))
    }

    /// Requires a scope of the credential, as `#[require_scope("orders:write")]` does.
    pub fn require_scope(self, scope: &'static str) -> Self {
        self.authorize(Rule::Scope(scope))
    }

    /// Requires that the subject of the principal equals a parameter of the prefix, as `#[owner(id)]` does.
    pub fn owner(self, parameter: &'static str) -> Self {
        self.authorize(Rule::Owner(parameter))
    }

    /// Requires that the tenant of the principal equals a parameter of the prefix, as `#[tenant(org)]` does.
    pub fn tenant(self, parameter: &'static str) -> Self {
        self.authorize(Rule::Tenant(parameter))
    }

    /// Requires a credential that is bound to a key of its caller, as `#[require_proof]` does.
    pub fn require_proof(self) -> Self {
        self.authorize(Rule::Bound)
    }

    /// Requires that the caller was authenticated in this way, as `#[step_up(..)]` does.
    ///
    /// ```
    /// use palisade::policy::StepUp;
    ///
    /// const RECENTLY: StepUp = StepUp::new(&[]).max_age_seconds(300);
    ///
    /// let scope = palisade::scope("/account").step_up(&RECENTLY);
    /// # let _ = scope;
    /// ```
    pub fn step_up(self, demand: &'static StepUp) -> Self {
        self.authorize(Rule::StepUp(demand))
    }

    /// Adds a rule. Like the other methods, it can be repeated: each rule must hold, and the rule of the endpoint too.
    ///
    /// ```
    /// use palisade::policy::Rule;
    ///
    /// let scope = palisade::scope("/reports").authorize(Rule::Any(&[Rule::Role("auditor"), Rule::Scope("reports:read")]));
    /// # let _ = scope;
    /// ```
    pub fn authorize(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Returns the policies of all endpoints as a table.
    #[must_use]
    pub fn policies(&self) -> PolicyTable {
        walk::table(self)
    }

    /// Finds routes that are never reached, missing parameters, and rules that conflict.
    ///
    /// The application panics at startup if its scopes have a mistake. Pass the scope to
    /// [`PalisadeBuilder::routes`](crate::PalisadeBuilder::routes) to get an error instead. A scope that passed is not verified again
    /// for other workers.
    ///
    /// # Errors
    ///
    /// Returns all mistakes of these kinds, each with the file and the line of the handler or of the scope. Of a prefix or a path that
    /// cannot be parsed, nothing else is checked.
    ///
    /// - two endpoints without guards serve the same method of the same path;
    /// - an endpoint never gets requests of one of its methods, or a scope never gets a request, because an earlier route or scope
    ///   takes them;
    /// - a scope without a prefix has a default service;
    /// - the router would misread a prefix, such as `/:org` or `/{org:[a-}`;
    /// - a [login page](Self::login_page) is not a path of this site;
    /// - a CORS rule of a scope or a route has a malformed origin, method or header name;
    /// - a rule of a scope requires a role, a permission or a scope with a name that no credential can have;
    /// - a text of [`network`](Self::network) is not a network;
    /// - the schemes that a scope and an endpoint accept ([`authenticated_by`](Self::authenticated_by)) have none in common;
    /// - a prefix and a template in it have a parameter of the same name, or a rule names a parameter that neither has;
    /// - a handler takes a `Path` of another number of parameters than the prefix and the template have;
    /// - an endpoint has `public` or `optional_auth`, and its scope requires a principal;
    /// - a scope and an endpoint together admit nobody, or an alternative of the endpoint's rule is redundant, such as the owner of
    ///   `owner_or_admin(id)` in a scope that requires `admin`. This method assumes that administrators have the role `admin`.
    ///   [`PalisadeBuilder::build`](crate::PalisadeBuilder::build) knows the
    ///   [role of administrators](crate::PalisadeBuilder::admin_role).
    pub fn verify(&self) -> Result<(), ConfigError> {
        verify::verify(self, Some(&RoleName::ADMIN))
    }

    /// Its source location.
    fn place(&self) -> String {
        format!("{}:{}", self.declared_at.file(), self.declared_at.line())
    }

    /// Verifies the scope when the role of administrators is not known yet.
    pub(crate) fn verify_for_any_admin(&self) -> Result<(), ConfigError> {
        verified::verify(self)
    }
}
