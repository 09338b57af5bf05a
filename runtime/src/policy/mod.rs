//! The requirements of a route, as constant data.
//!
//! Threat: checks in generated source code can be wrong, and cannot be listed (CWE-863). Promise: a policy is plain data. A macro
//! writes it, one function evaluates it ([`Rule`] in `authz`, [`RateLimit`] in `rate_limit`), and a table prints it. This module
//! decides nothing.
//!
//! ```
//! use palisade::{Endpoint, get, require_role};
//! use palisade::policy::Rule;
//!
//! #[get("/reports")]
//! #[require_role("auditor")]
//! async fn reports() -> &'static str {
//!     "reports"
//! }
//!
//! assert_eq!(reports::POLICY.rule(), Rule::Role("auditor"));
//! ```
//!
//! [`PolicyTable`](crate::PolicyTable) lists the policies of an application.

mod auth_scheme;
pub(crate) mod check;
pub(crate) mod constant;
mod ownership;
mod route;
mod rule;
pub(crate) mod rule_text;
mod scope_demands;
mod step_up;

use std::panic::Location;
use std::time::Duration;

pub use self::auth_scheme::AuthScheme;
pub(crate) use self::auth_scheme::SchemeChoices;
pub use self::check::{Check, Verdict};
pub(crate) use self::ownership::{ForeignRow, LoadFailure, Loaded, RowCaller};
pub use self::ownership::{OwnerKey, Ownership, Resource};
pub use self::route::Route;
pub(crate) use self::route::ServedPaths;
pub(crate) use self::rule::Credentials;
pub use self::rule::Rule;
pub(crate) use self::scope_demands::{OwnResponses, ScopeDemands, Wrap};
pub use self::step_up::StepUp;
use crate::cors::RouteCors;
pub use crate::handler_path::HandlerPath;
use crate::headers::HeaderChange;
use crate::rate_limit::RateLimit;
pub use palisade_grammar::network::Network;

/// Which arguments of a handler are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validation {
    /// No argument.
    None,
    /// Each `Json`, `Form` and `Query`.
    Inputs,
    /// Each `Json`, `Form` and `Query`. The arguments with these names are extractors that carry no input.
    InputsExcept(&'static [&'static str]),
    /// The arguments with these names.
    Named(&'static [&'static str]),
}

/// All requirements of one route, in the order of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) handler: HandlerPath,
    pub(crate) rule: Rule,
    /// What the rule does with credentials. It is computed once.
    pub(crate) credentials: Credentials,
    pub(crate) reason: Option<&'static str>,
    pub(crate) rate_limits: &'static [RateLimit],
    pub(crate) validation: Validation,
    pub(crate) is_strict: bool,
    /// How many milliseconds the handler may take until its response begins.
    pub(crate) timeout_milliseconds: Option<u64>,
    /// How many requests may be inside of the handler at once.
    pub(crate) concurrency: Option<u32>,
    /// How many bytes a body may have as it is sent.
    pub(crate) body_limit: Option<u64>,
    /// How many bytes a compressed body may inflate to.
    pub(crate) compressed: Option<u64>,
    /// What changes in the security headers of the responses.
    pub(crate) header_changes: &'static [HeaderChange],
    /// Why the handler may contain SQL that is not a literal.
    pub(crate) raw_sql: Option<&'static str>,
    /// The rule for other origins, in place of that of the scopes and of the application.
    pub(crate) cors: Option<&'static RouteCors>,
    /// Why pages of other sites may cause requests with the credential of their user.
    pub(crate) cross_site: Option<&'static str>,
    pub(crate) declared_at: &'static Location<'static>,
}

impl Policy {
    /// A policy with one access rule, without rate limits and validation. The attributes of a handler generate it, with its other
    /// constant methods.
    #[must_use]
    #[track_caller]
    pub const fn new(rule: Rule) -> Self {
        let handler = HandlerPath { module: "", name: "" };
        Self {
            handler,
            rule,
            credentials: rule.credentials(),
            reason: None,
            rate_limits: &[],
            validation: Validation::None,
            is_strict: false,
            timeout_milliseconds: None,
            concurrency: None,
            body_limit: None,
            compressed: None,
            header_changes: &[],
            raw_sql: None,
            cors: None,
            cross_site: None,
            declared_at: Location::caller(),
        }
    }

    /// Names the handler.
    #[must_use]
    pub const fn of(mut self, module: &'static str, name: &'static str) -> Self {
        self.handler = HandlerPath { module, name };
        self
    }

    /// The reason why the route is public, or closed.
    #[must_use]
    pub const fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The rate limits of the route. Each of them must admit a request.
    #[must_use]
    pub const fn limits(mut self, rate_limits: &'static [RateLimit]) -> Self {
        self.rate_limits = rate_limits;
        self
    }

    /// Each `Json`, `Form` and `Query` among the arguments is validated.
    #[must_use]
    pub const fn validates_inputs(mut self) -> Self {
        self.validation = Validation::Inputs;
        self
    }

    /// Each `Json`, `Form` and `Query` among the arguments is validated; the arguments with these names carry no input.
    #[must_use]
    pub const fn validates_inputs_except(mut self, arguments: &'static [&'static str]) -> Self {
        self.validation = Validation::InputsExcept(arguments);
        self
    }

    /// The arguments with these names are validated.
    #[must_use]
    pub const fn validates(mut self, arguments: &'static [&'static str]) -> Self {
        self.validation = Validation::Named(arguments);
        self
    }

    /// Unknown fields of the validated input are rejected.
    #[must_use]
    pub const fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }

    /// The handler is stopped if its response has not begun after so many milliseconds.
    #[must_use]
    pub const fn timeout_milliseconds(mut self, milliseconds: u64) -> Self {
        self.timeout_milliseconds = Some(milliseconds);
        self
    }

    /// At most so many requests are inside of the handler at once.
    #[must_use]
    pub const fn concurrency(mut self, requests: u32) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// A body of more than `max_bytes` is rejected. A compressed body is measured as it is sent.
    #[must_use]
    pub const fn body_limit(mut self, max_bytes: u64) -> Self {
        self.body_limit = Some(max_bytes);
        self
    }

    /// Compressed bodies are accepted, of at most `max_bytes` after decompression.
    #[cfg(feature = "compression")]
    #[must_use]
    pub const fn compressed_body(mut self, max_bytes: u64) -> Self {
        self.compressed = Some(max_bytes);
        self
    }

    /// Without the feature `compression`, `#[compressed_body]` is a compile error where the attribute is.
    #[cfg(not(feature = "compression"))]
    #[must_use]
    #[allow(clippy::panic, reason = "it is called while the program is compiled, and the panic is the compile error")]
    pub const fn compressed_body(self, _: u64) -> Self {
        panic!("`#[compressed_body]` needs the feature `compression` of palisade")
    }

    /// The security headers of the responses change.
    #[must_use]
    pub const fn headers(mut self, changes: &'static [HeaderChange]) -> Self {
        self.header_changes = changes;
        self
    }

    /// The handler may contain SQL that is not a literal, for this reason.
    #[must_use]
    pub const fn allows_raw_sql(mut self, reason: &'static str) -> Self {
        self.raw_sql = Some(reason);
        self
    }

    /// How long the handler may take until its response begins, by `#[timeout("..")]`. `None` without that attribute: the timeout is
    /// then that of a scope or of the application.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        match self.timeout_milliseconds {
            Some(milliseconds) => Some(Duration::from_millis(milliseconds)),
            None => None,
        }
    }

    /// How many requests may be inside of the handler at once, by `#[concurrency(..)]`. `None` without that attribute.
    #[must_use]
    pub const fn max_concurrency(&self) -> Option<u32> {
        self.concurrency
    }

    /// Pages of other origins may read the responses by this rule, in place of that of the scopes and of the application.
    #[must_use]
    pub const fn cors(mut self, rule: &'static RouteCors) -> Self {
        self.cors = Some(rule);
        self
    }

    /// Pages of other sites may cause requests with the credential of their user, for this reason.
    #[must_use]
    pub const fn allows_cross_site(mut self, reason: &'static str) -> Self {
        self.cross_site = Some(reason);
        self
    }

    /// How many bytes a body may have, by `#[body_limit("..")]`. `None` without that attribute: the limit is then that of
    /// [`PalisadeBuilder::body_limit`](crate::PalisadeBuilder::body_limit).
    #[must_use]
    pub const fn max_body_bytes(&self) -> Option<u64> {
        self.body_limit
    }

    /// How many bytes a compressed body may inflate to, by `#[compressed_body("..")]`. `None` without that attribute.
    #[must_use]
    pub const fn max_inflated_bytes(&self) -> Option<u64> {
        self.compressed
    }

    /// What changes in the security headers, by `#[headers(..)]`. Empty without that attribute.
    #[must_use]
    pub const fn header_changes(&self) -> &'static [HeaderChange] {
        self.header_changes
    }

    /// Why the handler may contain SQL that is not a literal, by `#[allow_raw_sql("..")]`. `None` without that attribute.
    #[must_use]
    pub const fn raw_sql_reason(&self) -> Option<&'static str> {
        self.raw_sql
    }

    /// The rule for other origins, by `#[cors(..)]`. `None` without that attribute: then that of the innermost scope that has one, or of
    /// the application, applies.
    #[must_use]
    pub const fn cors_rule(&self) -> Option<RouteCors> {
        match self.cors {
            Some(rule) => Some(*rule),
            None => None,
        }
    }

    /// Why pages of other sites may cause requests with the credential of their user, by `#[allow_cross_site("..")]`. `None` without
    /// that attribute.
    #[must_use]
    pub const fn cross_site_reason(&self) -> Option<&'static str> {
        self.cross_site
    }

    /// The access rule.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// The handler. It is displayed as its full path, such as `accounts::users::show`.
    #[must_use]
    pub const fn handler(&self) -> HandlerPath {
        self.handler
    }

    /// The rate limits that the handler itself declares.
    #[must_use]
    pub const fn rate_limits(&self) -> &'static [RateLimit] {
        self.rate_limits
    }

    /// Which arguments are validated before the handler is called.
    #[must_use]
    pub const fn validation(&self) -> Validation {
        self.validation
    }

    /// Whether unknown fields of the validated input are rejected, by `#[validate(strict)]`.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// The reason given by `#[public("..")]` or `#[deny_all("..")]`.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// The handler with its source location, for a message about a mistake: `` `users::show` (src/users.rs:12) ``.
    pub(crate) fn declared(&self) -> String {
        format!("`{}` ({}:{})", self.handler, self.declared_at.file(), self.declared_at.line())
    }

    /// The source location of the attributes.
    #[must_use]
    pub const fn declared_at(&self) -> &'static Location<'static> {
        self.declared_at
    }
}
