//! A group of endpoints under one prefix.
//!
//! Threat: the unguarded neighbour: a raw handler between guarded ones, a method that nobody thought of (ASVS V4.1.4), a
//! demand of the group that a member loses (row M8). Promise: nothing but endpoints and scopes enters; the scope's own
//! demands hold for every one of them, beside theirs, and for every path under the prefix that is none; a wrong method is
//! 405 with `Allow`, and `HEAD` works where `GET` does.

mod index;
mod logic;
mod rate_limits;
mod register;
mod siblings;
#[cfg(test)]
mod tests;
mod verified;
mod verify;
mod walk;

use std::rc::Rc;

use crate::config_error::ConfigError;
use crate::endpoint::arguments::ArgumentNeeds;
use crate::endpoint::{Endpoint, Mounter};
use crate::policy::{Policy, Route, Rule, ScopeDemands};
use crate::policy_table::PolicyTable;
use crate::rate_limit::RateLimit;
use crate::role::RoleName;

pub(crate) use self::verify::check_rows;

/// A scope for endpoints: everything in it declares who may call it.
///
/// Its own demands are ANDed with those of each endpoint in it. Scopes nest; an demands one's demands hold in the inner ones.
/// An empty prefix groups endpoints without changing their paths; unknown paths are then nobody's, and no demand of the scope
/// is about them. A scope with a prefix owns every path under it: a second one with the same prefix would never be asked.
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
/// A handler that is none of palisade's does not get in:
///
/// ```compile_fail,E0277
/// async fn raw() -> &'static str { "open to all" }
/// palisade::scope("/api").service(raw);
/// ```
///
/// # Panics
///
/// When the application is built, if [`Scope::verify`] finds a mistake.
pub fn scope(prefix: &str) -> Scope {
    let prefix = prefix.trim_matches('/');
    // As actix-web does: a prefix begins with a slash, written or not.
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    Scope { prefix, rules: Vec::new(), rate_limits: Vec::new(), items: Vec::new() }
}

/// See [`scope`].
#[must_use]
pub struct Scope {
    prefix: String,
    rules: Vec<Rule>,
    rate_limits: Vec<RateLimit>,
    items: Vec<Item>,
}

/// What stands in a scope.
#[doc(hidden)]
pub struct Item(Kind);

enum Kind {
    Endpoint(Mount),
    Scope(Scope),
}

struct Mount {
    route: Route,
    policy: &'static Policy,
    /// What its arguments need.
    needs: ArgumentNeeds,
    mount: Box<dyn FnOnce(Rc<ScopeDemands>) -> actix_web::Route>,
}

/// What may stand in a [`Scope`]: an [`Endpoint`], or another scope.
#[diagnostic::on_unimplemented(
    message = "route `{Self}` declares no access policy",
    label = "no endpoint of palisade's",
    note = "is it routed by actix-web's own attribute? then import palisade's instead of it, such as `use palisade::get;` for \
            `use actix_web::get;`: it takes the same path and options",
    note = "write `#[palisade::get(\"/..\")]` (or `post`, `put`, ..) above the handler, and say who may call it: \
            `#[public]`, `#[authenticated]`, `#[require_role(\"..\")]`, `#[owner(id)]`, `#[owner_or_admin(id)]` or \
            `#[authorize(..)]`",
    note = "a handler under actix-web's own route attribute, or with none, is guarded by its access attributes, but goes into an `App` \
            and not into a `palisade::scope`"
)]
pub trait Guarded {
    #[doc(hidden)]
    fn into_item(self) -> Item;
}

impl<E: Endpoint> Guarded for E {
    fn into_item(self) -> Item {
        let mount = Box::new(|demands| self.mount(Mounter::new::<E>(demands)));
        Item(Kind::Endpoint(Mount { route: E::ROUTE, policy: E::POLICY, needs: E::arguments(), mount }))
    }
}

impl Guarded for Scope {
    fn into_item(self) -> Item {
        Item(Kind::Scope(self))
    }
}

impl Scope {
    /// Adds an endpoint, or a scope inside of this one.
    pub fn service(mut self, member: impl Guarded) -> Self {
        self.items.push(member.into_item());
        self
    }

    /// A rate limit that all endpoints of the scope, and all unknown paths in it, draw on together.
    ///
    /// Repeatable: every rate limit must admit a request. A rate limit [by principal](crate::rate_limit::By::Principal) counts by address where the
    /// route demands no principal.
    pub fn rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limits.push(rate_limit);
        self
    }

    /// Demands a principal, as `#[authenticated]` does.
    pub fn authenticated(self) -> Self {
        self.authorize(Rule::Authenticated)
    }

    /// Demands a role, as `#[require_role("admin")]` does; of a typed one, `Role::Admin.role_name()`.
    pub fn require_role(self, role: &'static str) -> Self {
        self.authorize(Rule::Role(role))
    }

    /// Demands a permission, as `#[require_permission("users:delete")]` does.
    pub fn require_permission(self, permission: &'static str) -> Self {
        self.authorize(Rule::Permission(permission))
    }

    /// Demands a scope of the credential, as `#[require_scope("orders:write")]` does.
    pub fn require_scope(self, scope: &'static str) -> Self {
        self.authorize(Rule::Scope(scope))
    }

    /// Demands that the principal's subject equals a parameter of the prefix, as `#[owner(id)]` does.
    pub fn owner(self, parameter: &'static str) -> Self {
        self.authorize(Rule::Owner(parameter))
    }

    /// Demands that the principal's tenant equals a parameter of the prefix, as `#[tenant(org)]` does.
    pub fn tenant(self, parameter: &'static str) -> Self {
        self.authorize(Rule::Tenant(parameter))
    }

    /// Any rule. Repeatable, as all of these are: every one has to hold, beside the rule of the endpoint.
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

    /// Everything in it, as a table: who may do what.
    #[must_use]
    pub fn policies(&self) -> PolicyTable {
        walk::table(self)
    }

    /// Looks for routes that would never be found, parameters that a path lacks, and rules that contradict each other.
    ///
    /// It runs when the application is built, which panics about a mistake. Give the scope to
    /// [`PalisadeBuilder::routes`](crate::PalisadeBuilder::routes) to get it as an error before that. A scope that was found
    /// right is not verified again, so that it costs the first worker something and the others nothing.
    ///
    /// # Errors
    ///
    /// The first of these mistakes, in an endpoint's words:
    ///
    /// - two endpoints answer one method of one path, or two templates differ in parameter names only;
    /// - an endpoint, or a scope, can't be reached because an earlier scope has its whole prefix;
    /// - a prefix is no template that the router could read, such as `/:org` or `/{org:[a-}`;
    /// - a prefix and a template in it have a parameter of one name, or a rule names one that neither has;
    /// - a handler takes a `Path` of another number of parts than both have parameters together;
    /// - `public` or `optional_auth` stands inside a scope that demands a principal;
    /// - a scope and an endpoint together admit nobody, or an alternative of the endpoint's rule can never matter, such as
    ///   the owner of `owner_or_admin(id)` in a scope that demands `admin`. Administrators are taken to have the role `admin`
    ///   here; [`PalisadeBuilder::build`](crate::PalisadeBuilder::build) knows
    ///   [another name](crate::PalisadeBuilder::admin_role) of it.
    pub fn verify(&self) -> Result<(), ConfigError> {
        verify::verify(self, Some(&RoleName::ADMIN))
    }

    /// The same, where the role of administrators is not known yet: it may be any, and another than each that a rule names.
    pub(crate) fn verify_for_any_admin(&self) -> Result<(), ConfigError> {
        verified::verify(self)
    }
}
