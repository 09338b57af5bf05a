//! What a route demands, as constant data.
//!
//! Threat: a check that is generated source can be generated wrongly, and nobody can list it (CWE-863). Promise:
//! a policy is plain data that a macro writes down, one function evaluates ([`crate::Rule`] by `authz`, [`Quota`] by
//! `quota`) and a table can print. Nothing here decides anything.

mod quota;
mod route;

use std::fmt;
use std::panic::Location;

pub(crate) use self::quota::ScopeQuota;
pub use self::quota::{By, Count, Quota};
pub use self::route::Route;

/// Who may call a route: a tree of demands, evaluated against the principal and the path parameters.
///
/// The attributes write it; a program reads it from [`Endpoint::POLICY`](crate::Endpoint::POLICY).
///
/// ```
/// use palisade::Rule;
///
/// const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner("id"), Rule::Role("admin")]);
/// assert!(OWNER_OR_ADMIN.needs_principal());
/// assert!(!Rule::Public.needs_principal());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Anyone, with or without credentials; credentials are not even looked at.
    Public,
    /// Any principal that an authenticator vouches for.
    Authenticated,
    /// A principal that has this role.
    Role(&'static str),
    /// A principal whose subject equals this path parameter.
    Owner(&'static str),
    /// Every one of these. Empty: nobody, because a rule that was lost must not open a route.
    All(&'static [Rule]),
    /// At least one of these. Empty: nobody.
    Any(&'static [Rule]),
    /// Nobody at all.
    Nobody,
}

impl Rule {
    /// Whether the rule can only be answered for a known principal, so that a request without one is 401.
    #[must_use]
    pub const fn needs_principal(&self) -> bool {
        match self {
            Rule::Public => false,
            Rule::All(rules) | Rule::Any(rules) => {
                let mut rest: &[Rule] = rules;
                let mut needed = rules.is_empty();
                while let [first, others @ ..] = rest {
                    needed |= first.needs_principal();
                    rest = others;
                }
                needed
            }
            _ => true,
        }
    }
}

/// Which arguments of a handler are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validation {
    /// None.
    None,
    /// Every `Json`, `Form` and `Query`.
    Inputs,
    /// These.
    Named(&'static [&'static str]),
}

/// The full path of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerPath {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
}

impl fmt::Display for HandlerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}

/// Everything that one route demands, in the order of its attributes.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub(crate) handler: HandlerPath,
    pub(crate) rule: Rule,
    pub(crate) reason: Option<&'static str>,
    pub(crate) quotas: &'static [Quota],
    pub(crate) validation: Validation,
    pub(crate) declared_at: &'static Location<'static>,
}

impl Policy {
    /// A policy of one access rule. Generated code writes it.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn new(rule: Rule) -> Self {
        let handler = HandlerPath { module: "", name: "" };
        Self { handler, rule, reason: None, quotas: &[], validation: Validation::None, declared_at: Location::caller() }
    }

    /// Whose policy it is.
    #[doc(hidden)]
    #[must_use]
    pub const fn of(mut self, module: &'static str, name: &'static str) -> Self {
        self.handler = HandlerPath { module, name };
        self
    }

    /// Why the route is public.
    #[doc(hidden)]
    #[must_use]
    pub const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The quotas of the route; every one of them must admit a request.
    #[doc(hidden)]
    #[must_use]
    pub const fn quotas(mut self, quotas: &'static [Quota]) -> Self {
        self.quotas = quotas;
        self
    }

    /// Every argument that is an input is validated.
    #[doc(hidden)]
    #[must_use]
    pub const fn validates_inputs(mut self) -> Self {
        self.validation = Validation::Inputs;
        self
    }

    /// These arguments are validated.
    #[doc(hidden)]
    #[must_use]
    pub const fn validates(mut self, arguments: &'static [&'static str]) -> Self {
        self.validation = Validation::Named(arguments);
        self
    }

    /// The access rule.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// The handler; it prints as its full path, such as `accounts::users::show`.
    #[must_use]
    pub const fn handler(&self) -> HandlerPath {
        self.handler
    }

    /// The quotas that the handler itself declares.
    #[must_use]
    pub const fn declared_quotas(&self) -> &'static [Quota] {
        self.quotas
    }

    /// What is validated before the handler is called.
    #[must_use]
    pub const fn validation(&self) -> Validation {
        self.validation
    }

    /// The reason given by `#[public("..")]`.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// Where the attributes stand.
    #[must_use]
    pub const fn declared_at(&self) -> &'static Location<'static> {
        self.declared_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_combination_still_needs_a_principal_because_it_admits_nobody() {
        assert!(Rule::All(&[]).needs_principal());
        assert!(Rule::Any(&[]).needs_principal());
        assert!(!Rule::All(&[Rule::Public]).needs_principal());
        assert!(Rule::Any(&[Rule::Public, Rule::Role("admin")]).needs_principal());
    }
}
