//! Scopes of endpoints.
//!
//! Threat: an unguarded route beside a guarded one: a raw handler, a method that was forgotten (ASVS V4.1.4), or an endpoint that
//! does not inherit the demands of its group. Promise: a scope accepts only endpoints and scopes. Its demands apply to each endpoint
//! in it, beside the endpoint's own, and to each unknown path below its prefix. A wrong method gets 405 with `Allow`, and `GET` also
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

mod index;
mod logic;
mod one_path;
mod rate_limits;
mod register;
mod resource_path;
mod router;
mod siblings;
#[cfg(test)]
mod tests;
mod verified;
mod verify;
mod walk;

use std::fmt;
use std::rc::Rc;

use crate::config_error::ConfigError;
use crate::endpoint::arguments::ArgumentNeeds;
use crate::endpoint::{Endpoint, Mounter};
use crate::policy::{Policy, Route, Rule, ScopeDemands};
use crate::policy_table::PolicyTable;
use crate::rate_limit::RateLimit;
use crate::role::RoleName;

pub(crate) use self::verify::check_policy_table;

/// Creates a scope for endpoints. Each endpoint in it has a policy.
///
/// A request must meet the demands of the scope and those of the endpoint. Scopes can be nested, and the demands of an outer scope
/// apply to its inner scopes. An empty prefix groups endpoints without changing their paths. Its demands then do not apply to unknown
/// paths. A scope with a prefix gets all requests below it, so a second scope with the same prefix would never get a request.
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
pub fn scope(prefix: &str) -> Scope {
    let prefix = prefix.trim_matches('/');
    // As in actix-web, a prefix always begins with a slash.
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    Scope { prefix, rules: Vec::new(), rate_limits: Vec::new(), items: Vec::new() }
}

/// See [`scope`].
#[must_use]
pub struct Scope {
    prefix: String,
    rules: Vec<Rule>,
    rate_limits: Vec<RateLimit>,
    items: Vec<ScopeItem>,
}

/// A member of a [`Scope`]: an endpoint or another scope, as [`Guarded`] returns it.
pub struct ScopeItem(ScopeItemKind);

impl fmt::Debug for ScopeItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ScopeItemKind::Endpoint(mount) => f.debug_tuple("Endpoint").field(&mount.route).finish(),
            ScopeItemKind::Scope(scope) => scope.fmt(f),
        }
    }
}

enum ScopeItemKind {
    Endpoint(Mount),
    Scope(Scope),
}

struct Mount {
    route: Route,
    policy: &'static Policy,
    /// The requirements of its arguments.
    needs: ArgumentNeeds,
    mount: Box<dyn FnOnce(Rc<ScopeDemands>) -> actix_web::Route>,
}

/// A value that a [`Scope`] accepts: an [`Endpoint`] or another scope.
#[diagnostic::on_unimplemented(
    message = "route `{Self}` declares no access policy",
    label = "not an endpoint of palisade",
    note = "if it has actix-web's own route attribute, import palisade's instead: write `use palisade::get;` instead of \
            `use actix_web::get;`. It takes the same path and options",
    note = "write `#[palisade::get(\"/..\")]` (or `post`, `put`, ..) above the handler, with an attribute that defines who may call it: \
            `#[public]`, `#[authenticated]`, `#[require_role(\"..\")]`, `#[owner(id)]`, `#[owner_or_admin(id)]` or \
            `#[authorize(..)]`",
    note = "a handler under actix-web's own route attribute, or with none, is guarded by its access attributes, but belongs in an `App` \
            and not in a `palisade::scope`"
)]
pub trait Guarded {
    /// Called by [`Scope::service`].
    fn into_item(self) -> ScopeItem;
}

impl<E: Endpoint> Guarded for E {
    fn into_item(self) -> ScopeItem {
        ScopeItem(ScopeItemKind::Endpoint(Mount::of(E::ROUTE, self)))
    }
}

impl Mount {
    fn of<E: Endpoint>(route: Route, endpoint: E) -> Self {
        let mount = Box::new(|demands| endpoint.mount(Mounter::new::<E>(demands)));
        Self { route, policy: E::POLICY, needs: E::arguments(), mount }
    }
}

/// Adds an endpoint at another route than its own, so that a bench has thousands of routes without as many types.
#[cfg(feature = "testing")]
pub fn add_at(mut scope: Scope, route: Route, endpoint: impl Endpoint) -> Scope {
    scope.items.push(ScopeItem(ScopeItemKind::Endpoint(Mount::of(route, endpoint))));
    scope
}

impl Guarded for Scope {
    fn into_item(self) -> ScopeItem {
        ScopeItem(ScopeItemKind::Scope(self))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("prefix", &self.prefix).field("members", &self.items).finish_non_exhaustive()
    }
}

impl Scope {
    /// Adds an endpoint, or an inner scope.
    pub fn service(mut self, member: impl Guarded) -> Self {
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
    /// Returns all mistakes of these kinds. If a prefix or a path cannot be parsed, the other checks are skipped.
    ///
    /// - two endpoints serve the same method of the same path, or two templates differ only in the names of parameters;
    /// - an endpoint or a scope is never reached, because an earlier route or scope takes its requests;
    /// - the router would misread a prefix, such as `/:org` or `/{org:[a-}`;
    /// - a rule of a scope requires a role, a permission or a scope with a name that no credential can have;
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

    /// Verifies the scope when the role of administrators is not known yet.
    pub(crate) fn verify_for_any_admin(&self) -> Result<(), ConfigError> {
        verified::verify(self)
    }
}
