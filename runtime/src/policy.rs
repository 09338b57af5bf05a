//! What a route demands, as constant data.
//!
//! Threat: a check that is generated source can be generated wrongly, and nobody can list it (CWE-863). Promise:
//! a policy is plain data that a macro writes down, one function evaluates ([`crate::Rule`] by `authz`, [`Quota`] by
//! `quota`) and a table can print. Nothing here decides anything.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

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

/// Which answers a quota counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Count {
    /// Every request that the quota let through, whatever came of it.
    #[default]
    All,
    /// Requests that were answered with a status of 400 or above, and those whose client hung up before the answer.
    ///
    /// A request under way is charged until its answer is known, or concurrent tries would pass the quota: with a quota of
    /// 5, a sixth request *at the same time* from one address is refused, whatever becomes of the five.
    Failures,
}

/// Whom a quota counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The client's address: the peer, or what a trusted proxy reports. IPv6 is counted by its /64.
    #[default]
    Ip,
    /// The authenticated principal (issuer and subject together).
    Principal,
}

/// At most `limit` requests of one client in any window of the given length.
///
/// Never one more, whatever the arrival pattern. Up to a limit of 16 nobody is refused too early either; above, requests are
/// counted in 32nds of the window, so a request may be held against a client for up to a 32nd longer.
///
/// ```
/// use std::time::Duration;
/// use palisade::{By, Count, Quota};
///
/// const LOGIN: Quota = Quota::new("login", 5, Duration::from_mins(15)).count(Count::Failures);
/// const EXPORTS: Quota = Quota::new("exports", 10, Duration::from_hours(24)).by(By::Principal);
/// # let _ = (LOGIN, EXPORTS);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub(crate) name: &'static str,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    pub(crate) count: Count,
    pub(crate) by: By,
    pub(crate) shared: bool,
}

impl Quota {
    /// A quota that counts every request by client address.
    ///
    /// `name` is what clients see in the `RateLimit` headers: ASCII letters, digits, `-`, `_`, `.` and `:`.
    ///
    /// # Panics
    ///
    /// If the limit is zero, the window is shorter than a second, longer than 366 days or no whole number of seconds,
    /// or the name has another character. In a constant this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str, limit: u32, window: Duration) -> Self {
        assert!(limit > 0, "a quota of zero admits nobody: use a limit of 1 or more");
        assert!(
            window.subsec_nanos() == 0 && window.as_secs() > 0 && window.as_secs() <= 366 * 86_400,
            "a quota's window is a whole number of seconds, from 1 second to 366 days"
        );
        assert!(is_token(name), "a quota's name has only ASCII letters, digits, `-`, `_`, `.` and `:`");
        Self { name, limit, window, count: Count::All, by: By::Ip, shared: false }
    }

    /// [`Quota::new`] with the window in seconds: what generated code writes.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn per_seconds(name: &'static str, limit: u32, seconds: u64) -> Self {
        Self::new(name, limit, Duration::from_secs(seconds))
    }

    /// Which answers are counted. Default: [`Count::All`].
    #[must_use]
    pub const fn count(mut self, count: Count) -> Self {
        self.count = count;
        self
    }

    /// Whom it counts. Default: [`By::Ip`].
    #[must_use]
    pub const fn by(mut self, by: By) -> Self {
        self.by = by;
        self
    }

    /// One bucket for every quota of this name, instead of one for each handler.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// The name that clients see.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many requests are admitted in any window.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The length of the window.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// The bucket's identity: the name alone if shared, else the handler and the name.
    ///
    /// Both are words of the developer, never of a client, so a plain hash is enough.
    pub(crate) const fn bucket(&self, handler: HandlerPath) -> u64 {
        let owner = if self.shared { FNV_OFFSET } else { fnv1a(fnv1a(FNV_OFFSET, handler.module), handler.name) };
        fnv1a(owner, self.name)
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

/// Where an endpoint answers: methods, path template and resource name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) methods: &'static [&'static str],
    pub(crate) path: &'static str,
    pub(crate) name: Option<&'static str>,
}

macro_rules! route_of_one_method {
    ($($function:ident $method:literal)*) => {$(
        #[doc = concat!("A route that answers `", $method, "`.")]
        #[doc(hidden)]
        #[must_use]
        pub const fn $function(path: &'static str) -> Self {
            Self::new(&[$method], path)
        }
    )*};
}

impl Route {
    /// A route of several methods. Generated code writes it.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(methods: &'static [&'static str], path: &'static str) -> Self {
        Self { methods, path, name: None }
    }

    route_of_one_method! {
        get "GET" post "POST" put "PUT" patch "PATCH" delete "DELETE" head "HEAD" options "OPTIONS"
    }

    /// Another resource name than that of the handler.
    #[doc(hidden)]
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The methods as declared; `GET` also answers `HEAD`.
    #[must_use]
    pub const fn methods(&self) -> &'static [&'static str] {
        self.methods
    }

    /// The path template as declared, without the prefix of a scope.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The resource name for `HttpRequest::url_for`, where it is not that of the handler.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        self.name
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a over the text and a terminator, so that `("ab", "c")` and `("a", "bc")` differ.
const fn fnv1a(mut hash: u64, text: &str) -> u64 {
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(FNV_PRIME);
        bytes = rest;
    }
    (hash ^ 0xff).wrapping_mul(FNV_PRIME)
}

const fn is_token(name: &str) -> bool {
    let mut bytes = name.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    while let [first, rest @ ..] = bytes {
        if !(first.is_ascii_alphanumeric() || matches!(first, b'-' | b'_' | b'.' | b':')) {
            return false;
        }
        bytes = rest;
    }
    true
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

    #[test]
    fn buckets_are_apart_for_each_handler_unless_shared() {
        const fn handler(module: &'static str, name: &'static str) -> HandlerPath {
            HandlerPath { module, name }
        }
        let quota = Quota::per_seconds("login", 5, 900);
        assert_ne!(quota.bucket(handler("app", "login")), quota.bucket(handler("app", "token")));
        assert_ne!(quota.bucket(handler("a", "bc")), quota.bucket(handler("ab", "c")));
        assert_eq!(quota.shared().bucket(handler("app", "login")), quota.shared().bucket(handler("app", "token")));
    }

    #[test]
    #[should_panic(expected = "whole number of seconds")]
    fn a_window_of_half_a_second_is_refused() {
        let _ = Quota::new("x", 1, Duration::from_millis(500));
    }
}
