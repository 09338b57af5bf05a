//! `#[authorize(role("admin") || (owner(id) && !scope("read-only")))]`.
//!
//! Threat: a rule that is spliced as source and binds otherwise than it reads (row M1, CWE-783). Promise: the tokens are
//! read into our own tree, where `&&` binds tighter than `||` as in Rust, and only words that are known have a place in it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use super::argument::Arguments;
use super::{function, names, owner};
use crate::clause::flat;
use crate::errors::{Errors, Place};
use crate::model::{Kind, Rule};
use crate::suggest;

const TERMS: [&str; 7] = ["role", "permission", "scope", "owner", "tenant", "authenticated", "check"];
const EXAMPLE: &str = "write `#[authorize(role(\"admin\") || owner(id))]`";
const TERM: &str = "write `role(\"..\")`, `permission(\"..\")`, `scope(\"..\")`, `owner(id)`, `tenant(org)`, `authenticated` or `check(path)`";

/// `None` if anything was not understood: it was reported.
pub(super) fn parse(word: &Ident, tokens: TokenStream, errors: &mut Errors) -> Option<Rule> {
    let mut tokens = flat(tokens);
    // What a formatter puts behind a long one.
    tokens.pop_if(|last| matches!(last, TokenTree::Punct(punct) if punct.as_char() == ','));
    if tokens.is_empty() {
        errors.push(word.span(), "`authorize` does not say who may call", EXAMPLE);
        return None;
    }
    let mut reader = Reader { rest: &tokens, last: word.span(), errors };
    let rule = reader.either()?;
    if let [next, ..] = reader.rest {
        let (next, errors) = (next.clone(), reader.errors);
        let what = match &next {
            TokenTree::Punct(punct) if punct.as_char() == ',' => "an expression has no commas".to_owned(),
            _ => "an operator is missing before this".to_owned(),
        };
        errors.push(Place::of(&[next], word.span()), what, "write `&&` (both) or `||` (either) between two terms");
        return None;
    }
    Some(rule)
}

struct Reader<'t, 'e> {
    rest: &'t [TokenTree],
    /// What was read last, where something is missing behind it.
    last: Span,
    errors: &'e mut Errors,
}

impl<'t> Reader<'t, '_> {
    fn either(&mut self) -> Option<Rule> {
        self.chain('|', Self::both, Rule::Any)
    }

    fn both(&mut self) -> Option<Rule> {
        self.chain('&', Self::one, Rule::All)
    }

    fn chain(
        &mut self,
        operator: char,
        operand: fn(&mut Self) -> Option<Rule>,
        join: fn(Vec<Rule>) -> Rule,
    ) -> Option<Rule> {
        let mut rules = vec![operand(self)?];
        while self.takes(operator)? {
            rules.push(operand(self)?);
        }
        Some(if rules.len() == 1 { rules.remove(0) } else { join(rules) })
    }

    /// Whether the doubled operator stands next; `None` if it stands there alone, or in words.
    fn takes(&mut self, operator: char) -> Option<bool> {
        let is = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == operator);
        match self.rest {
            [first, second, rest @ ..] if is(first) && is(second) => {
                (self.rest, self.last) = (rest, second.span());
                Some(true)
            }
            [first, ..] if is(first) => {
                let what = format!("a single `{operator}` is no operator here");
                self.errors.push(first.span(), what, format!("write `{operator}{operator}`"));
                None
            }
            [TokenTree::Ident(word), ..] if word == "and" || word == "or" => {
                let symbol = if word == "and" { "&&" } else { "||" };
                self.errors.push(word.span(), format!("`{word}` is no operator here"), format!("write `{symbol}`"));
                None
            }
            _ => Some(false),
        }
    }

    fn one(&mut self) -> Option<Rule> {
        match self.rest {
            [TokenTree::Punct(bang), rest @ ..] if bang.as_char() == '!' => {
                (self.rest, self.last) = (rest, bang.span());
                self.one().map(|rule| Rule::Not(Box::new(rule)))
            }
            [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::Parenthesis => {
                self.rest = rest;
                self.last = group.span_close();
                self.inside(group)
            }
            [TokenTree::Ident(word), TokenTree::Group(group), rest @ ..]
                if group.delimiter() == Delimiter::Parenthesis && word != "not" =>
            {
                self.rest = rest;
                self.last = group.span_close();
                self.call(word, group)
            }
            [TokenTree::Ident(word), rest @ ..] => {
                self.rest = rest;
                self.last = word.span();
                self.word(word)
            }
            [TokenTree::Literal(literal), ..] => {
                let cure = format!("write `role({literal})`, `permission({literal})` or `scope({literal})`");
                self.errors.push(literal.span(), "a name alone does not say what it names", cure);
                None
            }
            [other, ..] => {
                self.errors.push(other.span(), "a term is missing here", TERM);
                None
            }
            [] => {
                self.errors.push(self.last, "a term is missing after this", TERM);
                None
            }
        }
    }

    fn inside(&mut self, group: &Group) -> Option<Rule> {
        let tokens = flat(group.stream());
        if tokens.is_empty() {
            self.errors.push(group.span(), "there is nothing in these parentheses", TERM);
            return None;
        }
        let mut reader = Reader { rest: &tokens, last: group.span_open(), errors: &mut *self.errors };
        let rule = reader.either()?;
        if let [next, ..] = reader.rest {
            let place = next.span();
            self.errors.push(
                place,
                "an operator is missing before this",
                "write `&&` (both) or `||` (either) between two terms",
            );
            return None;
        }
        Some(rule)
    }

    fn word(&mut self, word: &Ident) -> Option<Rule> {
        let text = word.to_string();
        match text.as_str() {
            "authenticated" => return Some(Rule::Authenticated),
            "public" | "optional_auth" => {
                let what = format!("`{word}` is no term of an expression: it would let everybody in");
                self.errors.push(word.span(), what, format!("write `#[{word}]` alone, or leave it out"));
            }
            "not" => self.errors.push(word.span(), "`not` is no operator here", "write `!`"),
            "role" | "permission" | "scope" => {
                self.errors.push(word.span(), format!("`{word}` names nothing"), format!("write `{word}(\"..\")`"));
            }
            "owner" | "tenant" => {
                self.errors.push(
                    word.span(),
                    format!("`{word}` names no path parameter"),
                    format!("write `{word}(id)`"),
                );
            }
            "check" => self.errors.push(word.span(), "`check` names no function", CHECK),
            _ => self.unknown(word),
        }
        None
    }

    fn unknown(&mut self, word: &Ident) {
        let text = word.to_string();
        let cure = match suggest::nearest(&text, TERMS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("for a role write `role(\"{text}\")`; else {TERM}"),
        };
        self.errors.push(word.span(), format!("`{word}` is no term of an expression"), cure);
    }

    fn call(&mut self, word: &Ident, group: &Group) -> Option<Rule> {
        let arguments = Arguments::of_term(word, group.stream());
        let kind = match word.to_string().as_str() {
            "role" => Kind::Role,
            "permission" => Kind::Permission,
            "scope" => Kind::Scope,
            "owner" => return owner::owner(arguments, self.errors),
            "tenant" => return owner::tenant(arguments, self.errors),
            "check" => return function::parse(word, Some(group), CHECK, self.errors).map(Rule::Check),
            "authenticated" => {
                self.errors.push(group.span(), "`authenticated` takes no arguments", "write `authenticated`");
                return None;
            }
            "owner_or_admin" => {
                let cure = "write `(owner(id) || role(\"admin\"))`";
                self.errors.push(word.span(), "`owner_or_admin` is no term of an expression", cure);
                return None;
            }
            _ => {
                self.unknown(word);
                return None;
            }
        };
        names::parse(kind, arguments, self.errors)
    }
}

const CHECK: &str = "write `check(path::to::function)`; it is an `async fn(&HttpRequest, &Principal)` that gives a `Verdict` or a `bool`";
