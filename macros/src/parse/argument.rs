//! The arguments of an attribute, each judged on its own, so that one mistake hides no other.

use std::fmt::Display;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lit, LitStr};

use crate::clause::flat;
use crate::errors::{Errors, Place};
use crate::model::UserPath;

/// What stands between the parentheses of one attribute.
pub(super) struct Arguments<'a> {
    /// The attribute, which also is the place of whatever is missing.
    pub(super) word: &'a Ident,
    pub(super) form: Form,
    list: std::vec::IntoIter<Argument>,
}

/// Where a word stands, which is how a cure writes it.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// `#[owner(id)]`
    Attribute,
    /// `owner(id)`, in an expression
    Term,
}

impl Form {
    pub(super) fn of(self, term: impl Display) -> String {
        match self {
            Form::Attribute => format!("`#[{term}]`"),
            Form::Term => format!("`{term}`"),
        }
    }
}

/// `value`, or `key = value`.
pub(super) struct Argument {
    pub(super) key: Option<Ident>,
    pub(super) value: Value,
    /// All of it.
    pub(super) place: Place,
    /// As it was written.
    pub(super) tokens: Vec<TokenTree>,
}

/// What an argument says, as far as any attribute takes such a thing.
pub(super) enum Value {
    Text(LitStr),
    Literal(Lit),
    Word(Ident),
    /// A path of two segments or more, such as `Role::Admin`.
    Path(UserPath),
    /// `all(..)`.
    Call(Ident, Group),
    /// `[a, b]`.
    List(Group),
    /// Tokens that no attribute takes, such as an expression.
    Other(Vec<TokenTree>, Place),
}

impl<'a> Arguments<'a> {
    /// Those of an attribute.
    pub(super) fn new(word: &'a Ident, tokens: TokenStream) -> Self {
        Self::of(word, tokens, Form::Attribute)
    }

    /// Those of a term of an expression.
    pub(super) fn of_term(word: &'a Ident, tokens: TokenStream) -> Self {
        Self::of(word, tokens, Form::Term)
    }

    fn of(word: &'a Ident, tokens: TokenStream, form: Form) -> Self {
        let tokens = flat(tokens);
        let mut parts: Vec<&[TokenTree]> = tokens.split(is_comma).collect();
        // The empty part behind a trailing comma, or of no arguments at all.
        parts.pop_if(|last| last.is_empty());
        let list: Vec<Argument> = parts.into_iter().map(|tokens| argument(word, tokens)).collect();
        Self { word, form, list: list.into_iter() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.len() == 0
    }

    /// What is left, unread.
    pub(super) fn rest(&self) -> &[Argument] {
        self.list.as_slice()
    }

    /// The next argument, if it is no option.
    pub(super) fn positional(&mut self) -> Option<Argument> {
        if self.list.as_slice().first()?.key.is_some() { None } else { self.list.next() }
    }

    /// Whether a bare word follows that is no constant, such as `skip_successful`.
    pub(super) fn next_is_option(&self) -> bool {
        let next = self.list.as_slice().first();
        matches!(next, Some(Argument { key: None, value: Value::Word(word), .. }) if !is_constant(word))
    }

    /// Reports every argument that is left.
    pub(super) fn end(self, cure: impl Display, errors: &mut Errors) {
        let word = self.word;
        self.list.for_each(|rest| errors.push(rest.place, format!("`{word}` takes no such argument"), &cure));
    }
}

impl Iterator for Arguments<'_> {
    type Item = Argument;

    fn next(&mut self) -> Option<Argument> {
        self.list.next()
    }
}

impl Value {
    /// The path of a constant. What is written like one and is none is for the compiler to refuse.
    pub(super) fn constant(&self) -> Option<UserPath> {
        match self {
            Value::Word(word) if is_constant(word) => Some(UserPath(word.to_token_stream())),
            Value::Path(path) => {
                let last = path.0.clone().into_iter().last();
                matches!(last, Some(TokenTree::Ident(word)) if is_constant(&word)).then(|| path.clone())
            }
            _ => None,
        }
    }

    /// Whether these tokens are the path of a constant.
    pub(super) fn is_constant(tokens: &[TokenTree]) -> bool {
        let last = matches!(tokens.last(), Some(TokenTree::Ident(word)) if is_constant(word));
        last && (tokens.len() == 1 || is_path(tokens))
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Value::Text(text) => text.span().into(),
            Value::Literal(literal) => literal.span().into(),
            Value::Word(word) => word.span().into(),
            Value::Path(path) => path.place(),
            Value::Call(word, group) => Place::of(&[word.clone().into(), group.clone().into()], word.span()),
            Value::List(group) => group.span().into(),
            Value::Other(_, place) => *place,
        }
    }
}

/// Written as constants are: `LIMIT`, `MAX_PER_DAY`.
fn is_constant(word: &Ident) -> bool {
    let text = word.to_string();
    !text.contains(char::is_lowercase) && text.contains(char::is_uppercase)
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

fn argument(word: &Ident, tokens: &[TokenTree]) -> Argument {
    let (place, written) = (Place::of(tokens, word.span()), tokens.to_vec());
    match tokens {
        [TokenTree::Ident(key), TokenTree::Punct(equals), value @ ..] if equals.as_char() == '=' => {
            Argument { key: Some(key.clone()), value: value_of(value, place), place, tokens: written }
        }
        _ => Argument { key: None, value: value_of(tokens, place), place, tokens: written },
    }
}

fn value_of(tokens: &[TokenTree], whole: Place) -> Value {
    match flat(tokens.iter().cloned().collect()).as_slice() {
        [] => Value::Other(Vec::new(), whole),
        [TokenTree::Ident(word)] if word != "true" && word != "false" => Value::Word(word.clone()),
        [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
            Lit::Str(text) => Value::Text(text),
            other => Value::Literal(other),
        },
        [TokenTree::Ident(word), TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => {
            Value::Call(word.clone(), group.clone())
        }
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => Value::List(group.clone()),
        several if is_path(several) => Value::Path(UserPath(several.iter().cloned().collect())),
        several @ [first, ..] => Value::Other(several.to_vec(), Place::of(several, first.span())),
    }
}

/// `a::b`, `::a::b`, `crate::a`; nothing generic.
pub(super) fn is_path(tokens: &[TokenTree]) -> bool {
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
