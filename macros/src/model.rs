//! What was written, and what it means once it is checked.

use proc_macro2::{Span, TokenStream};
use syn::{Ident, LitStr, Pat, Path, Signature, Type, Visibility};

/// One clause as it was written: the words are understood, the whole is not judged.
pub(crate) struct Written {
    /// The attribute.
    pub(crate) span: Span,
    pub(crate) word: String,
    pub(crate) clause: Clause,
}

pub(crate) enum Clause {
    Route(RouteClause),
    Public(Option<LitStr>),
    Authenticated,
    RequireRole(Vec<LitStr>),
    Owner {
        parameter: Ident,
        or_admin: bool,
    },
    RateLimit(RateLimit),
    Validate(Vec<Ident>),
    /// An access attribute that could not be understood: nobody passes it.
    Misunderstood,
}

impl Clause {
    pub(crate) fn grants_access(&self) -> bool {
        matches!(
            self,
            Clause::Public(_)
                | Clause::Authenticated
                | Clause::RequireRole(_)
                | Clause::Owner { .. }
                | Clause::Misunderstood
        )
    }
}

pub(crate) struct RouteClause {
    pub(crate) path: LitStr,
    pub(crate) name: Option<LitStr>,
    pub(crate) guards: Vec<Path>,
    pub(crate) wraps: Vec<syn::Expr>,
    pub(crate) methods: Vec<String>,
}

pub(crate) struct RateLimit {
    pub(crate) limit: u32,
    pub(crate) seconds: u64,
    pub(crate) by_principal: Option<Span>,
    pub(crate) failures_only: bool,
    pub(crate) name: Option<LitStr>,
}

/// The annotated function; its body is never looked into.
pub(crate) struct Handler {
    pub(crate) attributes: Vec<syn::Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

/// One argument of the handler.
pub(crate) struct Argument {
    /// The name that it is bound to, where there is one.
    pub(crate) name: Option<Ident>,
    pub(crate) ty: Type,
}

impl Handler {
    pub(crate) fn arguments(&self) -> Vec<Argument> {
        let typed = self.signature.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => Some(typed),
            syn::FnArg::Receiver(_) => None,
        });
        typed.map(|typed| Argument { name: binding(&typed.pat), ty: (*typed.ty).clone() }).collect()
    }
}

/// The one name in `name`, `mut name` or `Json(name)`.
fn binding(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(ident) => Some(ident.ident.clone()),
        Pat::TupleStruct(inner) => inner.elems.iter().find_map(binding),
        Pat::Tuple(inner) => inner.elems.iter().find_map(binding),
        Pat::Reference(inner) => binding(&inner.pat),
        Pat::Paren(inner) => binding(&inner.pat),
        _ => None,
    }
}

/// All of it, in a state that can be emitted.
pub(crate) struct Checked {
    pub(crate) handler: Handler,
    pub(crate) rule: Rule,
    pub(crate) reason: Option<LitStr>,
    pub(crate) quotas: Vec<Quota>,
    pub(crate) validation: Option<Validation>,
    pub(crate) route: Option<RouteClause>,
}

pub(crate) enum Rule {
    Public,
    Authenticated,
    Role(LitStr),
    Owner(Ident),
    All(Vec<Rule>),
    Any(Vec<Rule>),
    /// A role that palisade itself names.
    Admin,
    Nobody,
}

pub(crate) struct Quota {
    pub(crate) label: String,
    pub(crate) written: RateLimit,
}

/// Which arguments are validated, by their position, and how.
pub(crate) struct Validation {
    pub(crate) span: Span,
    pub(crate) named: bool,
    pub(crate) positions: Vec<usize>,
}
