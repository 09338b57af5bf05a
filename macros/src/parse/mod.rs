//! From the tokens of the clauses to what they say: one file for each attribute word.

mod owner;
mod public;
mod rate_limit;
mod require_role;
mod route;
mod validate;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};

use crate::errors::Errors;
use crate::model::{Clause, Written};

/// Reads every clause; one that can't be understood is reported, and stands as nobody's access if it was about access.
pub(crate) fn clauses(tokens: TokenStream, errors: &mut Errors) -> Vec<Written> {
    let mut written = Vec::new();
    let mut tokens = tokens.into_iter();
    while let (Some(TokenTree::Ident(word)), Some(TokenTree::Group(arguments))) = (tokens.next(), tokens.next()) {
        if let Some(clause) = clause(&word, arguments.stream(), errors) {
            written.push(Written { span: word.span(), word: word.to_string(), clause });
        }
    }
    written
}

fn clause(word: &Ident, arguments: TokenStream, errors: &mut Errors) -> Option<Clause> {
    let name = word.to_string();
    let (parsed, lost) = match name.as_str() {
        "public" => (public::parse(word, arguments), Some(Clause::Misunderstood)),
        "authenticated" => (nothing(word, &arguments).map(|()| Clause::Authenticated), Some(Clause::Misunderstood)),
        "require_role" => (require_role::parse(word, arguments), Some(Clause::Misunderstood)),
        "owner" => (owner::parse(word, arguments, false), Some(Clause::Misunderstood)),
        "owner_or_admin" => (owner::parse(word, arguments, true), Some(Clause::Misunderstood)),
        "rate_limit" => (rate_limit::parse(word, arguments), None),
        "validate" => (validate::parse(word, arguments), None),
        _ => (route::parse(word, arguments), None),
    };
    match parsed {
        Ok(clause) => Some(clause),
        Err(found) => {
            found.into_iter().for_each(|error| errors.push_syn(&error));
            lost
        }
    }
}

/// For an attribute that takes no arguments.
fn nothing(word: &Ident, arguments: &TokenStream) -> syn::Result<()> {
    match arguments.clone().into_iter().next() {
        None => Ok(()),
        Some(token) => Err(syn::Error::new(token.span(), format!("`{word}` takes no arguments: write `#[{word}]`"))),
    }
}

/// Runs a parser over all of the arguments; what they lack is reported at the attribute.
fn whole<T>(
    word: &Ident,
    arguments: TokenStream,
    example: &str,
    parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    if arguments.is_empty() {
        return Err(syn::Error::new(word.span(), format!("`{word}` says too little: write `{example}`")));
    }
    let mut ended = None;
    let result = (|input: ParseStream<'_>| {
        let value = parser(input)?;
        if !input.is_empty() {
            return Err(input.error(format!("unexpected: write `{example}`")));
        }
        Ok(value)
    })
    .parse2(arguments);
    if let Err(error) = &result
        && error.to_string().starts_with("unexpected end of input")
    {
        ended = Some(syn::Error::new(word.span(), format!("`{word}` ends too early: write `{example}`")));
    }
    match ended {
        Some(error) => Err(error),
        None => result,
    }
}
