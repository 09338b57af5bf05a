//! From the tokens of the clauses to what they say: one file for each attribute word.
//!
//! A parser reports every mistake that it sees and returns what it could understand.

mod argument;
mod authenticated;
mod authorize;
mod compressed_body;
mod function;
mod meant;
mod names;
mod owner;
mod public;
mod rate_limit;
mod route;
mod validate;
mod window;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};

use self::argument::Arguments;
use crate::errors::{Errors, Place};
use crate::model::{Clause, Kind, Rule, Said};
use crate::suggest;

/// The clauses of `#[::palisade::__policy(get("/users"); public();)]`.
pub(crate) fn clauses(tokens: TokenStream, errors: &mut Errors) -> Vec<Clause> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.split(is_semicolon).filter(|clause| !clause.is_empty()).filter_map(|tokens| clause(tokens, errors)).collect()
}

fn is_semicolon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';')
}

fn clause(tokens: &[TokenTree], errors: &mut Errors) -> Option<Clause> {
    let [TokenTree::Ident(word), TokenTree::Group(arguments)] = tokens else {
        let what = "these are no clauses of a policy: only palisade's attributes write them";
        errors.push(Place::of(tokens, Span::call_site()), what, "remove `__policy` and use the attributes");
        return None;
    };
    let said = said(word, arguments, errors)?;
    Some(Clause { word: word.clone(), said })
}

fn said(word: &Ident, arguments: &Group, errors: &mut Errors) -> Option<Said> {
    if word == "authorize" {
        return Some(demand(authorize::parse(word, arguments.stream(), errors)));
    }
    let arguments = Arguments::new(word, arguments.stream());
    match word.to_string().as_str() {
        "public" => Some(public::public(arguments, errors)),
        "authenticated" => Some(authenticated::parse(arguments, errors)),
        "optional_auth" => Some(authenticated::optional(arguments, errors)),
        "deny_all" => Some(public::deny_all(arguments, errors)),
        "require_role" => Some(demand(names::parse(Kind::Role, arguments, errors))),
        "require_permission" => Some(demand(names::parse(Kind::Permission, arguments, errors))),
        "require_scope" => Some(demand(names::parse(Kind::Scope, arguments, errors))),
        "owner" => Some(demand(owner::owner(arguments, errors))),
        "owner_or_admin" => Some(demand(owner::owner_or_admin(arguments, errors))),
        "tenant" => Some(demand(owner::tenant(arguments, errors))),
        "rate_limit" => rate_limit::parse(arguments, errors).map(Said::RateLimit),
        "compressed_body" => compressed_body::parse(arguments, errors).map(Said::CompressedBody),
        "validate" => validate::parse(arguments, errors).map(Said::Validate),
        _ if route::is_route(word) => Some(Said::Route(route::parse(arguments, errors))),
        unknown => {
            let known = crate::WORDS.iter().copied();
            errors.push(word.span(), format!("`{unknown}` is no clause of a policy"), suggest::cure(unknown, known));
            None
        }
    }
}

/// What could not be understood was reported, and lets nobody in.
fn demand(rule: Option<Rule>) -> Said {
    rule.map_or(Said::Unclear, Said::Demand)
}
