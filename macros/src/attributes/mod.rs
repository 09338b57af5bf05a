//! The attributes, one file each, and the list of all of them.
//!
//! Threat: an attribute that is not about access is taken for one that is, and a route without access control compiles
//! (CWE-862). Promise: each attribute is parsed to a [`Clause`] whose variant is its kind, and only [`Clause::Access`] lets a
//! handler compile.
//!
//! The steps to add an attribute are in CONTRIBUTING.md.

mod allow_cross_site;
mod allow_raw_sql;
mod authenticated;
mod authorize;
mod body_limit;
mod compressed_body;
mod concurrency;
mod cors;
mod deny_all;
mod headers;
mod number;
mod optional_auth;
mod owner;
mod owner_or_admin;
mod public;
mod rate_limit;
mod require_permission;
mod require_proof;
mod require_role;
mod require_scope;
mod route;
mod step_up;
mod tenant;
mod timeout;
mod validate;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

pub(crate) use self::authorize::expression;
use self::route::WrittenRoute;
use crate::access::{self, AccessClause, Callers};
use crate::arguments::Arguments;
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::hygiene::Names;
use crate::item::{Handler, HandlerArgument};
use crate::policy::{AccessPolicy, Additions, CheckedHandler, Policy, RejectedHandler};
use crate::{raw_sql, suggest};

/// Each attribute of palisade. Their additions to a policy are emitted in this order.
pub(crate) const ATTRIBUTES: &[&dyn Attribute] = &[
    &route::GET,
    &route::POST,
    &route::PUT,
    &route::PATCH,
    &route::DELETE,
    &route::HEAD,
    &route::OPTIONS,
    &route::ROUTE,
    &public::Public,
    &authenticated::Authenticated,
    &optional_auth::OptionalAuth,
    &deny_all::DenyAll,
    &require_role::RequireRole,
    &require_permission::RequirePermission,
    &require_scope::RequireScope,
    &require_proof::RequireProof,
    &step_up::StepUp,
    &tenant::Tenant,
    &authorize::Authorize,
    &owner::Owner,
    &owner_or_admin::OwnerOrAdmin,
    &rate_limit::RateLimit,
    &timeout::Timeout,
    &concurrency::Concurrency,
    &validate::Validate,
    &body_limit::BodyLimit,
    &compressed_body::CompressedBody,
    &headers::Headers,
    &allow_raw_sql::AllowRawSql,
    &cors::Cors,
    &allow_cross_site::AllowCrossSite,
];

/// One attribute: its syntax, and its additions to a policy.
///
/// A condition or an effect is also checked against the whole handler. That check is not a method of this trait:
/// [`parse`](Self::parse) returns a value for it, whose type implements [`UncheckedClause`]. `access` checks all access attributes
/// together, and `route` the route attributes.
pub(crate) trait Attribute: Sync {
    /// The keyword: `get` for `#[get("/users")]`.
    fn keyword(&self) -> &'static str;

    /// Reads the arguments without looking at the handler or at other attributes.
    ///
    /// Reports each mistake. The variant of the result is the kind of the attribute, even if nothing could be understood.
    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause;

    /// The method calls that the attribute adds to `Policy::new(..)`, such as `.compressed_body(1048576)`.
    ///
    /// Access and route attributes add none: [`crate::emit`] prints the one rule and the one route of the handler.
    fn emit(&self, additions: &Additions, names: &mut Names) -> TokenStream {
        let _ = (additions, names);
        TokenStream::new()
    }
}

/// The meaning of one attribute, as far as it is clear without the others. The variant is the kind of the attribute.
///
/// `None` means that the arguments could not be understood, which was reported.
pub(crate) enum Clause {
    /// It defines who may call. A handler without such an attribute does not compile.
    Access(Option<AccessPolicy>),
    /// It defines the route of the handler.
    Route(WrittenRoute),
    /// A condition that each request must satisfy in addition to the access rules.
    Condition(Option<Box<dyn UncheckedClause>>),
    /// An effect on each request.
    Effect(Option<Box<dyn UncheckedClause>>),
}

impl Clause {
    /// A condition that was understood, or `None`.
    fn condition<C: UncheckedClause + 'static>(condition: Option<C>) -> Self {
        Clause::Condition(condition.map(|condition| -> Box<dyn UncheckedClause> { Box::new(condition) }))
    }

    /// An effect that was understood, or `None`.
    fn effect<E: UncheckedClause + 'static>(effect: Option<E>) -> Self {
        Clause::Effect(effect.map(|effect| -> Box<dyn UncheckedClause> { Box::new(effect) }))
    }
}

/// A condition or an effect that was not yet checked against the rest of the handler.
pub(crate) trait UncheckedClause {
    /// Reports each mistake that only the whole handler shows, and adds the meaning to `additions`.
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        context: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    );
}

/// A value that is checked against nothing else, and that a handler has once.
struct Single<T> {
    value: T,
    place: fn(&mut Additions) -> &mut Option<T>,
}

impl<T> Single<T> {
    /// The value of an attribute that was understood, and where it is added.
    fn of(value: Option<T>, place: fn(&mut Additions) -> &mut Option<T>) -> Option<Self> {
        value.map(|value| Self { value, place })
    }
}

impl<T> UncheckedClause for Single<T> {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        _: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if (self.place)(additions).replace(self.value).is_some() {
            report_repeated(keyword, diagnostics);
        }
    }
}

/// The parts of the handler that a condition or an effect is checked against.
pub(crate) struct Context<'h> {
    pub(crate) handler: &'h Handler,
    pub(crate) callers: Callers,
}

/// The written model: a handler and its clauses, in the order of the attributes. Each clause is understood on its own.
pub(crate) struct WrittenHandler {
    pub(crate) handler: Handler,
    pub(crate) clauses: Vec<WrittenClause>,
}

/// One attribute above a handler: its keyword, with the span of the attribute, and its meaning.
pub(crate) struct WrittenClause {
    pub(crate) keyword: Ident,
    pub(crate) clause: Clause,
}

/// The keyword of each attribute.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> + Clone {
    ATTRIBUTES.iter().map(|attribute| attribute.keyword())
}

/// Parses the clauses of `#[::palisade::__policy(get("/users"); public();)]`.
pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Vec<WrittenClause> {
    let is_semicolon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let clauses = tokens.split(is_semicolon).filter(|clause| !clause.is_empty());
    clauses.filter_map(|tokens| parse_clause(tokens, diagnostics)).collect()
}

fn parse_clause(tokens: &[TokenTree], diagnostics: &mut Diagnostics) -> Option<WrittenClause> {
    let [TokenTree::Ident(keyword), TokenTree::Group(arguments)] = tokens else {
        let message = "`__policy` is reserved for the expansions of palisade's attributes";
        let range = SourceRange::of(tokens, Span::call_site());
        diagnostics.error(range, message, "remove `__policy` and write attributes such as `#[authenticated]` instead");
        return None;
    };
    let Some(attribute) = ATTRIBUTES.iter().find(|attribute| keyword == attribute.keyword()) else {
        let help = suggest::help(&keyword.to_string(), keywords());
        diagnostics.error(keyword.span(), format!("unknown attribute `{keyword}`"), help);
        return None;
    };
    let clause = attribute.parse(Arguments::new(keyword, arguments.stream()), diagnostics);
    Some(WrittenClause { keyword: keyword.clone(), clause })
}

/// Checks the clauses together. The handler is rejected if anything was reported, here or while the clauses were parsed.
pub(crate) fn check(
    written: WrittenHandler,
    diagnostics: &mut Diagnostics,
) -> Result<CheckedHandler, Box<RejectedHandler>> {
    let WrittenHandler { handler, clauses } = written;
    let (mut access, mut routes, mut unchecked) = (Vec::new(), Vec::new(), Vec::new());
    for WrittenClause { keyword, clause } in clauses {
        match clause {
            Clause::Access(access_policy) => access.push(AccessClause { keyword, access: access_policy }),
            Clause::Route(route) => routes.push((keyword, route)),
            Clause::Condition(clause) | Clause::Effect(clause) => {
                unchecked.extend(clause.map(|clause| (keyword, clause)))
            }
        }
    }
    let has_route = !routes.is_empty();
    let callers = access::callers(&access);
    let template = routes.first().and_then(|(_, route)| route.path.as_ref());
    let access = access::check(access, &handler, template, diagnostics);
    let route = route::check(routes, diagnostics);
    let mut additions = Additions::default();
    for (keyword, clause) in unchecked {
        clause.check(&keyword, &Context { handler: &handler, callers }, &mut additions, diagnostics);
    }
    if additions.raw_sql.is_none() {
        raw_sql::report(&handler.body, diagnostics);
    }
    match (access, route) {
        (Some(access), Ok(route)) if diagnostics.is_empty() => {
            Ok(CheckedHandler { handler, route, policy: Policy { access, additions } })
        }
        _ => Err(Box::new(RejectedHandler { handler, has_route })),
    }
}

/// Returns the indices of the arguments that bind the name: more than one if arguments of the same name have different
/// `#[cfg(..)]`. Reports a name that no argument binds.
fn find_arguments_named(name: &Ident, handler: &Handler, diagnostics: &mut Diagnostics) -> Vec<usize> {
    let Handler { signature, arguments, .. } = handler;
    let binds = |(index, argument): (usize, &HandlerArgument)| argument.names.contains(name).then_some(index);
    let found: Vec<usize> = arguments.iter().enumerate().filter_map(binds).collect();
    if found.is_empty() {
        let known: Vec<String> =
            arguments.iter().flat_map(|argument| &argument.names).map(ToString::to_string).collect();
        let help = match known.as_slice() {
            [] => "give the argument a name, as in `body: Json<T>` or `Json(body): Json<T>`".to_owned(),
            known => suggest::help(&name.to_string(), known.iter().map(String::as_str)),
        };
        diagnostics.error(name.span(), format!("`{}` has no argument `{name}`", signature.ident), help);
    }
    found
}

/// Reports a second use of an attribute that may occur only once.
fn report_repeated(keyword: &Ident, diagnostics: &mut Diagnostics) {
    diagnostics.error(keyword.span(), format!("duplicate `{keyword}`"), "remove one of the two");
}
