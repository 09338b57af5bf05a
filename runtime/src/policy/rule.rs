//! Access rules, as a tree of data.

use palisade_grammar::expression::{Expression, Node, for_each_leaf};
use palisade_grammar::names::Kind;

use actix_web::HttpRequest;

use super::{AuthScheme, Check, Network, Ownership, StepUp, Verdict};
use crate::principal::Principal;
use crate::role::{RoleName, Roles};

/// Who may call a route: a tree of conditions on the principal and the path parameters.
///
/// The attributes create it, and [`rule!`](macro@crate::rule) creates a constant. A program can read it from [`Endpoint::POLICY`](crate::Endpoint::POLICY), and can pass one to
/// [`Scope::authorize`](crate::Scope::authorize). `Display` shows it as attributes.
///
/// ```
/// use palisade::policy::Rule;
///
/// const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Admin]);
/// assert!(OWNER_OR_ADMIN.needs_principal());
/// assert_eq!(OWNER_OR_ADMIN.to_string(), "owner_or_admin(id)");
/// assert!(!Rule::Public.needs_principal());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Anybody. Credentials are ignored.
    Public,
    /// Anybody. Credentials that are presented must be valid.
    OptionalAuth,
    /// Any authenticated principal.
    Authenticated,
    /// A principal whose credential has one of these schemes. An empty list admits nobody.
    ///
    /// As the rule of a route or a scope, or as a part of [`All`](Self::All) there, it also decides which authenticators are asked: a
    /// credential of another scheme is ignored, and a request without one of these schemes gets 401. Below [`Any`](Self::Any) and
    /// [`Not`](Self::Not) it is only a condition.
    AuthenticatedBy(&'static [AuthScheme]),
    /// A principal whose credential has the scheme of this name, compared without regard to case (RFC 9110 §11.1). Others get 403.
    Scheme(&'static str),
    /// A principal whose request comes from one of these networks, by the address of the client behind
    /// [trusted proxies](crate::PalisadeBuilder::trusted_proxies). If the address is not known, the rule is neither met nor not
    /// met, and a request that depends on it gets 403. An empty list admits nobody.
    Network(&'static [Network]),
    /// A principal that has this role, or one that implies it.
    Role(&'static str),
    /// A principal that has the role of administrators, or one that implies it. `owner_or_admin` uses it. Default: the role `admin`.
    /// The application can set another role with [`admin_role`](crate::PalisadeBuilder::admin_role).
    Admin,
    /// A principal that has this permission, by a role or by its credential.
    Permission(&'static str),
    /// A principal whose credential has this scope.
    Scope(&'static str),
    /// A principal whose subject equals this path parameter.
    Owner(&'static str),
    /// A principal whose tenant equals this path parameter.
    Tenant(&'static str),
    /// A principal whose credential is [bound](Principal::is_bound) to a key of its caller. Others get 401, if this rule is not below
    /// [`Any`](Self::Any) or [`Not`](Self::Not).
    Bound,
    /// A principal on whose behalf [another party](Principal::actor) acts.
    Delegated,
    /// A principal that was authenticated in the demanded way. Others get 401, if this rule is not below [`Any`](Self::Any) or
    /// [`Not`](Self::Not).
    StepUp(&'static StepUp),
    /// A principal that owns the row that the path identifies.
    Owns(&'static Ownership),
    /// A principal that a function of the application admits.
    Check(&'static Check),
    /// A principal that the inner rule does not admit.
    Not(&'static Rule),
    /// All of these rules must hold. An empty list admits nobody, so that a lost rule cannot open a route.
    All(&'static [Rule]),
    /// At least one of these rules must hold. An empty list admits nobody.
    Any(&'static [Rule]),
    /// Nobody.
    Nobody,
}

/// What a route does with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Credentials are ignored.
    Ignored,
    /// Credentials that are presented must be valid.
    Optional,
    /// A request without credentials gets 401.
    Required,
}

impl Rule {
    /// A principal that this function admits, as a rule for a scope. In a constant, and to pass arguments, use
    /// [`rule!`](macro@crate::rule) with `check(..)`.
    ///
    /// The rule is shown as the path of the function. A closure that captures values is kept until the process ends, once for each
    /// call, so build such a scope once for each worker and not for each request.
    ///
    /// ```
    /// use actix_web::HttpRequest;
    /// use palisade::Principal;
    /// use palisade::policy::Rule;
    ///
    /// async fn is_member(_: &HttpRequest, principal: &Principal) -> bool {
    ///     principal.tenant().is_some()
    /// }
    ///
    /// let scope = palisade::scope("/members").authorize(Rule::check(is_member));
    /// # let _ = scope;
    /// ```
    #[must_use]
    pub fn check<F, V>(function: F) -> Self
    where
        F: AsyncFn(&HttpRequest, &Principal) -> V + Send + Sync + 'static,
        V: Into<Verdict> + 'static,
    {
        Self::Check(Check::kept(function))
    }

    /// Whether it can be a condition in an expression: no part of it admits every caller.
    pub(crate) const fn is_condition(&self) -> bool {
        match self {
            Rule::Public | Rule::OptionalAuth => false,
            Rule::Not(rule) => rule.is_condition(),
            Rule::All(rules) | Rule::Any(rules) => {
                let mut rest: &[Rule] = rules;
                while let [first, others @ ..] = rest {
                    if !first.is_condition() {
                        return false;
                    }
                    rest = others;
                }
                true
            }
            _ => true,
        }
    }

    /// Whether the rule needs a principal, so that a request without credentials gets 401.
    #[must_use]
    pub const fn needs_principal(&self) -> bool {
        matches!(self.credentials(), Credentials::Required)
    }

    pub(crate) const fn credentials(&self) -> Credentials {
        match self {
            Rule::Public | Rule::Nobody => Credentials::Ignored,
            Rule::OptionalAuth => Credentials::Optional,
            Rule::All([]) | Rule::Any([]) => Credentials::Required,
            Rule::All(rules) | Rule::Any(rules) => {
                let mut rest: &[Rule] = rules;
                let mut credentials = Credentials::Ignored;
                while let [first, others @ ..] = rest {
                    credentials = credentials.and(first.credentials());
                    rest = others;
                }
                credentials
            }
            _ => Credentials::Required,
        }
    }

    /// Calls the function with each leaf of the tree, from left to right.
    pub(crate) fn leaves<'r>(&'r self, each: &mut dyn FnMut(&'r Rule)) {
        for_each_leaf(self, each);
    }

    /// Describes the first name in this rule that no credential can carry.
    pub(crate) fn mistaken_name(&self) -> Option<String> {
        let mut mistake = None;
        self.leaves(&mut |leaf| {
            let (kind, name) = match leaf {
                Rule::Role(name) => (Kind::Role, name),
                Rule::Permission(name) => (Kind::Permission, name),
                Rule::Scope(name) => (Kind::Scope, name),
                Rule::Scheme(name) => {
                    mistake = mistake.take().or_else(|| AuthScheme::Named(name).mistake());
                    return;
                }
                Rule::StepUp(demand) => {
                    mistake = mistake.take().or_else(|| demand.mistake());
                    return;
                }
                Rule::AuthenticatedBy(schemes) => {
                    mistake = mistake.take().or_else(|| schemes.iter().find_map(|scheme| scheme.mistake()));
                    return;
                }
                _ => return,
            };
            mistake = mistake.take().or_else(|| kind.mistake(name));
        });
        mistake
    }

    /// Describes each role and permission of this rule that is not in the registry.
    pub(crate) fn undefined_in(&self, roles: &Roles, admin: &RoleName) -> Vec<String> {
        let mut undefined = Vec::new();
        self.leaves(&mut |leaf| {
            undefined.extend(match leaf {
                Rule::Role(role) => roles.lacks_role(role),
                Rule::Admin => roles.lacks_admin(admin),
                Rule::Permission(permission) => roles.lacks_permission(permission),
                _ => None,
            });
        });
        undefined
    }

    /// The path parameters that it names.
    pub(crate) fn parameters(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.leaves(&mut |leaf| match leaf {
            Rule::Owner(name) | Rule::Tenant(name) => names.push(*name),
            Rule::Owns(ownership) => names.extend(ownership.parameters()),
            Rule::Check(check) => names.extend(check.parameters()),
            _ => {}
        });
        names
    }
}

impl Expression for Rule {
    fn node(&self) -> Node<'_, Self> {
        match self {
            // These rules are evaluated only for an authenticated principal.
            Rule::Public | Rule::OptionalAuth | Rule::Authenticated => Node::Always,
            Rule::Nobody => Node::Never,
            Rule::Not(rule) => Node::Not(rule),
            Rule::All(rules) => Node::All(rules),
            Rule::Any(rules) => Node::Any(rules),
            Rule::AuthenticatedBy(_)
            | Rule::Scheme(_)
            | Rule::Network(_)
            | Rule::Role(_)
            | Rule::Admin
            | Rule::Permission(_)
            | Rule::Scope(_)
            | Rule::Owner(_)
            | Rule::Tenant(_)
            | Rule::Bound
            | Rule::Delegated
            | Rule::StepUp(_)
            | Rule::Owns(_)
            | Rule::Check(_) => Node::Question,
        }
    }
}

impl Credentials {
    /// The stricter of the two.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Required, _) | (_, Self::Required) => Self::Required,
            (Self::Optional, _) | (_, Self::Optional) => Self::Optional,
            (Self::Ignored, Self::Ignored) => Self::Ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_combination_needs_a_principal() {
        assert!(Rule::All(&[]).needs_principal());
        assert!(Rule::Any(&[]).needs_principal());
        assert!(!Rule::All(&[Rule::Public]).needs_principal());
        assert!(Rule::Any(&[Rule::Public, Rule::Role("admin")]).needs_principal());
    }
}
