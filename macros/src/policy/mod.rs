//! The checked model: the combined meaning of the attributes of one handler.
//!
//! `attributes` makes it only if there is no mistake, so `emit` prints it without a decision that could fail.

mod cors;
mod rate_limit;

use proc_macro2::Span;
use syn::{Expr, LitStr, Path};

pub(crate) use self::cors::{CorsOrigins, CorsTerms, OriginName};
pub(crate) use self::rate_limit::{By, Count, Field, Key, Number, Numbers, OnStoreFailure, RateLimit, RateLimitTerms};
use crate::cfg_predicate::CfgPredicate;
use crate::item::Handler;
use crate::rule::Rule;

/// A handler and the meaning of its attributes.
pub(crate) struct CheckedHandler {
    pub(crate) handler: Handler,
    /// `None` if palisade does not route the handler, but `web::get().to(..)` or an attribute of actix-web does.
    pub(crate) route: Option<Route>,
    pub(crate) policy: Policy,
}

/// A handler with a mistake, which was reported. It is emitted as a route that rejects every caller.
pub(crate) struct RejectedHandler {
    pub(crate) handler: Handler,
    /// Whether the handler has a route attribute, so that it may be registered as an endpoint.
    pub(crate) has_route: bool,
}

pub(crate) struct Policy {
    pub(crate) access: AccessPolicy,
    pub(crate) additions: Additions,
}

/// Who may call.
pub(crate) enum AccessPolicy {
    /// Every caller. The reason is optional.
    Public(Option<LitStr>),
    /// Every caller, but invalid credentials are rejected.
    OptionalAuth,
    /// No caller. Contains the reason.
    DenyAll(LitStr),
    /// Authenticated callers for whom the rule holds.
    Rule(Rule),
}

/// The route of the handler.
pub(crate) struct Route {
    pub(crate) methods: Vec<&'static str>,
    pub(crate) path: LitStr,
    pub(crate) name: Option<LitStr>,
    pub(crate) guards: Vec<Path>,
    pub(crate) wraps: Vec<Expr>,
}

/// The parts that conditions and effects add to a policy: a field for each attribute.
#[derive(Default)]
pub(crate) struct Additions {
    pub(crate) rate_limits: Vec<RateLimit>,
    /// The fields by which the rate limits count, each once.
    pub(crate) counted_fields: Vec<CountedField>,
    /// The timeout of the handler, in milliseconds.
    pub(crate) timeout: Option<u64>,
    /// How many requests may be inside of the handler at once.
    pub(crate) concurrency: Option<Number>,
    pub(crate) validation: Option<Validation>,
    /// The maximum size of a body as it is sent, in bytes.
    pub(crate) body_limit: Option<u64>,
    /// The maximum size of an inflated body, in bytes.
    pub(crate) compressed_body: Option<u64>,
    /// What changes in the security headers, in this order. `None` without the attribute.
    pub(crate) headers: Option<Vec<WrittenHeaderChange>>,
    pub(crate) raw_sql: Option<RawSqlException>,
    pub(crate) cors: Option<CorsTerms>,
    pub(crate) cross_site: Option<CrossSiteException>,
}

impl Policy {
    /// Whether it contains a path that the user wrote, which a generated import could shadow.
    pub(crate) fn has_user_path(&self) -> bool {
        matches!(&self.access, AccessPolicy::Rule(rule) if rule.has_user_path())
            || matches!(self.additions.concurrency, Some(Number::Constant(_)))
            || self.additions.rate_limits.iter().any(|rate_limit| rate_limit.terms.has_user_path())
            || self.additions.cors.as_ref().is_some_and(CorsTerms::has_user_path)
    }
}

/// One change of the security headers.
pub(crate) enum WrittenHeaderChange {
    /// `Pages` or `Api`.
    Preset(&'static str),
    /// A header, in lower case, and its value as it is sent.
    Set(&'static str, String),
    Without(&'static str),
}

/// The handler may contain raw SQL.
pub(crate) struct RawSqlException {
    /// `None` if the reason could not be understood, which was reported.
    pub(crate) reason: Option<LitStr>,
}

/// Pages of other sites may cause requests with the credential of their user.
pub(crate) struct CrossSiteException {
    /// `None` if the reason could not be understood, which was reported.
    pub(crate) reason: Option<LitStr>,
}

/// The validation that `#[validate]` requires.
pub(crate) struct Validation {
    pub(crate) arguments: ValidatedArguments,
    /// A step for each argument of the handler.
    pub(crate) steps: Vec<ValidationStep>,
    /// Whether unknown fields are rejected too.
    pub(crate) is_strict: bool,
    pub(crate) attribute: Span,
}

impl Validation {
    /// Whether it reads an argument at all.
    pub(crate) fn reads_any(&self) -> bool {
        self.steps.iter().any(|step| *step != ValidationStep::Skip)
    }
}

/// Which arguments are validated.
pub(crate) enum ValidatedArguments {
    /// Each argument whose type is input.
    Inputs,
    /// Each argument whose type is input, beside these, which carry none.
    InputsExcept(Vec<NamedArgument>),
    Named(Vec<NamedArgument>),
}

/// The name of an argument, and the `#[cfg(..)]` under which it exists; `None` if it always exists.
pub(crate) struct NamedArgument {
    pub(crate) name: String,
    pub(crate) present: Option<CfgPredicate>,
}

/// How validation treats one argument.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValidationStep {
    Skip,
    /// Validate it if its type is input.
    IfInput,
    /// Validate it: the attribute names it.
    Named,
    /// Leave it out, unless its type is known to be input: `except(..)` names it.
    Except,
}

/// A field, and the indices of the arguments of the handler that may have it: more than one if
/// arguments of the same name have different `#[cfg(..)]`.
pub(crate) struct CountedField {
    pub(crate) field: Field,
    pub(crate) arguments: Vec<usize>,
}
