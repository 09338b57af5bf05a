//! The arguments of an attribute: `value` or `key = value`, separated by commas.
//!
//! Each argument is read on its own, so that one mistake hides no other. The modules inside read what several attributes take:
//! names, networks, path parameters, a function, a reason, authentication schemes, a size.

pub(crate) mod function_path;
pub(crate) mod length;
mod name_spellings;
pub(crate) mod names;
pub(crate) mod networks;
pub(crate) mod path_parameters;
pub(crate) mod predicate;
pub(crate) mod reason;
pub(crate) mod schemes;
pub(crate) mod size;

use std::fmt::Display;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lit, LitStr};

use crate::diagnostics::{Diagnostics, SourceRange};
use crate::gather::flat;
use crate::user_path::UserPath;

/// The arguments between the parentheses of one attribute, or of one condition in an expression.
pub(crate) struct Arguments<'a> {
    /// The keyword in front of the parentheses. A diagnostic about a missing argument points at it.
    pub(crate) keyword: &'a Ident,
    pub(crate) form: Form,
    tokens: Vec<TokenTree>,
    list: std::vec::IntoIter<AttributeArgument>,
}

/// Where a keyword is written, which decides how a help text shows it.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// `#[owner(id)]`
    Attribute,
    /// `owner(id)` in the expression of `#[authorize(..)]`
    Expression,
}

impl Form {
    pub(crate) fn of(self, written: impl Display) -> String {
        match self {
            Form::Attribute => format!("`#[{written}]`"),
            Form::Expression => format!("`{written}`"),
        }
    }
}

/// `value`, or `key = value`.
pub(crate) struct AttributeArgument {
    pub(crate) key: Option<Ident>,
    pub(crate) value: Value,
    /// The whole argument.
    pub(crate) range: SourceRange,
    /// Its tokens, unchanged.
    pub(crate) tokens: Vec<TokenTree>,
}

/// The value of an argument, in the forms that attributes take.
pub(crate) enum Value {
    Text(LitStr),
    Literal(Lit),
    Ident(Ident),
    /// A path of two segments or more, such as `Role::Admin`.
    Path(UserPath),
    /// `all(..)`.
    Call(Ident, Group),
    /// `[a, b]`.
    List(Group),
    /// Other tokens, such as an arithmetic expression. No attribute takes them.
    Other(Vec<TokenTree>, SourceRange),
}

impl<'a> Arguments<'a> {
    /// The arguments of an attribute.
    pub(crate) fn new(keyword: &'a Ident, tokens: TokenStream) -> Self {
        Self::read(keyword, tokens, Form::Attribute)
    }

    /// The arguments of a condition in an expression.
    pub(crate) fn in_expression(keyword: &'a Ident, tokens: TokenStream) -> Self {
        Self::read(keyword, tokens, Form::Expression)
    }

    fn read(keyword: &'a Ident, tokens: TokenStream, form: Form) -> Self {
        let tokens = flat(tokens);
        let mut parts: Vec<&[TokenTree]> = tokens.split(is_comma).collect();
        // The last part is empty after a trailing comma, and if there are no arguments.
        parts.pop_if(|last| last.is_empty());
        let list: Vec<AttributeArgument> = parts.into_iter().map(|tokens| argument(keyword, tokens)).collect();
        Self { keyword, form, tokens, list: list.into_iter() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.len() == 0
    }

    /// All tokens, for an attribute whose argument is not a list.
    pub(crate) fn into_tokens(self) -> Vec<TokenTree> {
        self.tokens
    }

    /// The arguments that were not taken yet.
    pub(crate) fn rest(&self) -> &[AttributeArgument] {
        self.list.as_slice()
    }

    /// Takes the next argument if it has no key.
    pub(crate) fn positional(&mut self) -> Option<AttributeArgument> {
        if self.list.as_slice().first()?.key.is_some() { None } else { self.list.next() }
    }

    /// Whether the next argument is a flag such as `observe`: one identifier that is not a constant.
    pub(crate) fn next_is_flag(&self) -> bool {
        let next = self.list.as_slice().first();
        matches!(next, Some(AttributeArgument { key: None, value: Value::Ident(ident), .. }) if !is_constant(ident))
    }

    /// Reports each argument that was not taken.
    pub(crate) fn end(self, help: impl Display, diagnostics: &mut Diagnostics) {
        let keyword = self.keyword;
        self.list.for_each(|rest| diagnostics.error(rest.range, format!("unexpected argument for `{keyword}`"), &help));
    }
}

impl Iterator for Arguments<'_> {
    type Item = AttributeArgument;

    fn next(&mut self) -> Option<AttributeArgument> {
        self.list.next()
    }
}

impl Value {
    /// The path of a constant, which is recognised by its capital letters. If it is something else, the compiler reports it.
    pub(crate) fn constant(&self) -> Option<UserPath> {
        match self {
            Value::Ident(ident) if is_constant(ident) => Some(UserPath(ident.to_token_stream())),
            Value::Path(path) => {
                let last = path.0.clone().into_iter().last();
                matches!(last, Some(TokenTree::Ident(ident)) if is_constant(&ident)).then(|| path.clone())
            }
            _ => None,
        }
    }

    /// Whether these tokens are the path of a constant.
    pub(crate) fn is_constant(tokens: &[TokenTree]) -> bool {
        let last = matches!(tokens.last(), Some(TokenTree::Ident(ident)) if is_constant(ident));
        last && (tokens.len() == 1 || is_path(tokens))
    }

    pub(crate) fn range(&self) -> SourceRange {
        match self {
            Value::Text(text) => text.span().into(),
            Value::Literal(literal) => literal.span().into(),
            Value::Ident(ident) => ident.span().into(),
            Value::Path(path) => path.range(),
            Value::Call(ident, group) => SourceRange::of(&[ident.clone().into(), group.clone().into()], ident.span()),
            Value::List(group) => group.span().into(),
            Value::Other(_, range) => *range,
        }
    }
}

/// Whether the identifier is in the case of constants: `LIMIT`, `MAX_PER_DAY`.
pub(crate) fn is_constant(ident: &Ident) -> bool {
    let text = ident.to_string();
    !text.contains(char::is_lowercase) && text.contains(char::is_uppercase)
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

fn argument(keyword: &Ident, tokens: &[TokenTree]) -> AttributeArgument {
    let (range, written) = (SourceRange::of(tokens, keyword.span()), tokens.to_vec());
    match tokens {
        [TokenTree::Ident(key), TokenTree::Punct(equals), value @ ..] if equals.as_char() == '=' => {
            AttributeArgument { key: Some(key.clone()), value: value_of(value, range), range, tokens: written }
        }
        _ => AttributeArgument { key: None, value: value_of(tokens, range), range, tokens: written },
    }
}

fn value_of(tokens: &[TokenTree], whole: SourceRange) -> Value {
    match flat(tokens.iter().cloned().collect()).as_slice() {
        [] => Value::Other(Vec::new(), whole),
        [TokenTree::Ident(ident)] if ident != "true" && ident != "false" => Value::Ident(ident.clone()),
        [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
            Lit::Str(text) => Value::Text(text),
            other => Value::Literal(other),
        },
        [TokenTree::Ident(ident), TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => {
            Value::Call(ident.clone(), group.clone())
        }
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => Value::List(group.clone()),
        several if is_path(several) => Value::Path(UserPath(several.iter().cloned().collect())),
        several @ [first, ..] => Value::Other(several.to_vec(), SourceRange::of(several, first.span())),
    }
}

/// Whether it is a path without generic arguments: `a::b`, `::a::b`, `crate::a`.
pub(crate) fn is_path(tokens: &[TokenTree]) -> bool {
    let mut rest = tokens;
    let mut first = true;
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    loop {
        match rest {
            [a, b, TokenTree::Ident(_), more @ ..] if colon(a) && colon(b) => rest = more,
            [TokenTree::Ident(_), more @ ..] if first => rest = more,
            _ => return rest.is_empty() && !first,
        }
        first = false;
    }
}
