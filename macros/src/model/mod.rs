//! What was written, and what it means once it is checked.
//!
//! `parse` makes [`Written`], `check` turns it into [`Checked`], `emit` prints that and cannot fail.

mod rate_limit;

pub(crate) use palisade_grammar::names::Kind;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::{Expr, LitStr, Path, Signature, Visibility};

pub(crate) use self::rate_limit::{By, Count, Field, Key, Number, OnStoreFailure, RateLimit, RateLimitTerms};
use crate::clause::Attribute;
use crate::condition::Condition;

/// A handler and its clauses, in the order of the attributes: each clause is understood, the whole is not judged.
pub(crate) struct Written {
    pub(crate) handler: Handler,
    pub(crate) clauses: Vec<Clause>,
}

/// The annotated function. Its body is one token, and never looked into.
pub(crate) struct Handler {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) fitness: Fitness,
}

/// Whether a function can be a handler at all. One that can't was reported, and is never called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fitness {
    Fit,
    Unfit,
}

/// One argument of a handler.
pub(crate) struct Argument {
    /// What its pattern binds: `body` in `Json(body)`, nothing in `_`.
    pub(crate) names: Vec<Ident>,
    /// Where its type stands.
    pub(crate) ty: Span,
    /// Whether its type looks like input, as far as a cure has to guess.
    pub(crate) looks_like_input: bool,
    /// When it is there; `None` if always.
    pub(crate) present: Option<Condition>,
}

/// One attribute: its word, standing where the attribute stands, and what it says.
pub(crate) struct Clause {
    pub(crate) word: Ident,
    pub(crate) said: Said,
}

pub(crate) enum Said {
    Route(Route),
    Public(Option<LitStr>),
    OptionalAuth,
    /// Closed, and why.
    DenyAll(LitStr),
    /// Any other access attribute.
    Demand(Rule),
    RateLimit(RateLimitTerms),
    Validate(Validate),
    /// Bytes of the inflated body.
    CompressedBody(u64),
    /// An access attribute that could not be understood. It was reported, and lets nobody in.
    Unclear,
}

/// What a clause is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClauseKind {
    /// Who may call. A handler without one does not compile.
    Access,
    /// Where the handler is found.
    Route,
    /// What a request of somebody who may call has to meet besides.
    Condition,
    /// What is done for a request besides.
    Effect,
}

impl Said {
    /// Each clause decides for itself: a new one that is forgotten here does not compile, and so can't pass as an access
    /// attribute.
    pub(crate) const fn kind(&self) -> ClauseKind {
        match self {
            Said::Public(_) | Said::OptionalAuth | Said::DenyAll(_) | Said::Demand(_) | Said::Unclear => {
                ClauseKind::Access
            }
            Said::Route(_) => ClauseKind::Route,
            Said::RateLimit(_) | Said::Validate(_) => ClauseKind::Condition,
            Said::CompressedBody(_) => ClauseKind::Effect,
        }
    }
}

pub(crate) struct Route {
    pub(crate) methods: Vec<&'static str>,
    /// `None` if there was none, or none that a router could read: then nothing is known about its parameters.
    pub(crate) path: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) guards: Vec<Path>,
    pub(crate) wraps: Vec<Expr>,
}

pub(crate) enum Validate {
    Every,
    Only(Vec<Ident>),
}

/// Everything, in a state that can be printed.
pub(crate) struct Checked {
    pub(crate) handler: Handler,
    pub(crate) policy: Policy,
    pub(crate) route: Option<Route>,
    pub(crate) call: Call,
}

pub(crate) struct Policy {
    pub(crate) rule: Rule,
    pub(crate) reason: Option<LitStr>,
    pub(crate) rate_limits: Vec<RateLimit>,
    pub(crate) validates: Validates,
    /// How many bytes a compressed body may inflate to.
    pub(crate) compressed: Option<u64>,
}

pub(crate) enum Rule {
    Public,
    OptionalAuth,
    Authenticated,
    Named(Kind, Name),
    /// Whoever the application calls its administrators. Where the attribute stands that means them.
    Admin(Span),
    Owner(Parameter),
    Tenant(Parameter),
    Owns(Owns),
    /// The path of an asynchronous function.
    Check(UserPath),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Nobody,
}

#[derive(Clone)]
pub(crate) enum Name {
    Text(LitStr),
    /// A constant, or a variant of an enum with `#[derive(Role)]`: the compiler knows which.
    Path(UserPath),
}

/// A path of the user's, which stands in the expansion as it was written.
#[derive(Clone)]
pub(crate) struct UserPath(pub(crate) TokenStream);

/// A parameter of the path.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) from: From,
}

/// Where a parameter is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// In the template of this route.
    Route,
    /// In the prefix of an outer scope.
    Scope,
}

/// A row, by the parameters that identify it.
pub(crate) struct Owns {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) of: UserPath,
    /// Whether a foreign row is 403 and not 404.
    pub(crate) reveals: bool,
}

/// What becomes of the handler behind its checks.
pub(crate) enum Call {
    Direct,
    Validated(Validation),
    /// After validation, if that is demanded, and after its rate limits have counted by fields of the arguments.
    Counted {
        validation: Option<Validation>,
        fields: Vec<Located>,
    },
    /// It can't be called. The program does not compile.
    Never,
}

/// A step for each argument, which the attribute demanded.
pub(crate) struct Validation {
    pub(crate) steps: Vec<Step>,
    pub(crate) attribute: Span,
}

/// A field, and in which argument of the handler it is: in one of several, where each has another `#[cfg(..)]`.
pub(crate) struct Located {
    pub(crate) field: Field,
    pub(crate) arguments: Vec<usize>,
}

#[derive(Clone, Copy)]
pub(crate) enum Step {
    Skip,
    Each,
    Named,
}

/// What a policy says about validation.
pub(crate) enum Validates {
    Nothing,
    /// Which arguments those are, their types decide.
    Inputs,
    Named(Vec<Named>),
}

/// The name of an argument, and when there is one of that name; `None` if always.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) present: Option<Condition>,
}
