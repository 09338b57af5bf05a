//! `#[authorize(role("admin") || (owner(id) && !scope("read-only")))]`.
//!
//! Threat: an expression whose evaluation differs from its reading (CWE-783). Promise: the tokens are parsed into palisade's own
//! tree, where `&&` binds tighter than `||` as in Rust, and unknown conditions are rejected.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenTree};

use super::{Attribute, Clause, owner, tenant};
use crate::arguments::{Arguments, is_constant, is_path, names, networks, predicate, schemes};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::gather::flat;
use crate::policy::AccessPolicy;
use crate::rule::{NameKind, Rule};
use crate::suggest;
use crate::user_path::UserPath;

const CONDITIONS: [&str; 10] =
    ["role", "permission", "scope", "owner", "tenant", "scheme", "network", "authenticated", "delegated", "check"];
const EXAMPLE: &str = "write conditions, such as `role(\"admin\") || owner(id)`";
const CONDITION: &str = "write `role(\"..\")`, `permission(\"..\")`, `scope(\"..\")`, `owner(id)`, `tenant(org)`, `scheme(\"..\")`, `network(\"..\")`, `authenticated`, `delegated`, `check(path)` or a \
                         constant such as `EDITORS`";

pub(super) struct Authorize;

impl Attribute for Authorize {
    fn keyword(&self) -> &'static str {
        "authorize"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let keyword = arguments.keyword;
        Clause::Access(expression(keyword, arguments.into_tokens(), diagnostics).map(AccessPolicy::Rule))
    }
}

/// The rule of an expression, which is also that of `rule!(..)`. Returns `None` if anything could not be understood, which was
/// reported.
pub(crate) fn expression(keyword: &Ident, mut tokens: Vec<TokenTree>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    // A formatter may add a trailing comma to a long expression.
    tokens.pop_if(|last| matches!(last, TokenTree::Punct(punct) if punct.as_char() == ','));
    if tokens.is_empty() {
        diagnostics.error(keyword.span(), format!("`{keyword}` needs an expression"), EXAMPLE);
        return None;
    }
    let mut reader = Reader { rest: &tokens, last: keyword.span(), diagnostics };
    let rule = reader.or_expression()?;
    if let [next, ..] = reader.rest {
        let (next, diagnostics) = (next.clone(), reader.diagnostics);
        let message = match &next {
            TokenTree::Punct(punct) if punct.as_char() == ',' => "unexpected `,` in an expression".to_owned(),
            _ => "missing operator before this".to_owned(),
        };
        diagnostics.error(
            SourceRange::of(&[next], keyword.span()),
            message,
            "write `&&` (both) or `||` (either) between two conditions",
        );
        return None;
    }
    Some(rule)
}

struct Reader<'t, 'e> {
    rest: &'t [TokenTree],
    /// The span of the last token that was read. A diagnostic about a missing token points there.
    last: Span,
    diagnostics: &'e mut Diagnostics,
}

impl<'t> Reader<'t, '_> {
    fn or_expression(&mut self) -> Option<Rule> {
        self.chain('|', Self::and_expression, Rule::Any)
    }

    fn and_expression(&mut self) -> Option<Rule> {
        self.chain('&', Self::operand, Rule::All)
    }

    fn chain(
        &mut self,
        operator: char,
        operand: fn(&mut Self) -> Option<Rule>,
        join: fn(Vec<Rule>) -> Rule,
    ) -> Option<Rule> {
        let mut rules = vec![operand(self)?];
        while self.consume_operator(operator)? {
            rules.push(operand(self)?);
        }
        Some(if rules.len() == 1 { rules.remove(0) } else { join(rules) })
    }

    /// Consumes the doubled operator and returns `true` if it follows. Reports a single character, or `and` and `or`, and returns
    /// `None`.
    fn consume_operator(&mut self, operator: char) -> Option<bool> {
        let is = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == operator);
        match self.rest {
            [first, second, rest @ ..] if is(first) && is(second) => {
                (self.rest, self.last) = (rest, second.span());
                Some(true)
            }
            [first, ..] if is(first) => {
                let message = format!("unknown operator `{operator}`");
                self.diagnostics.error(first.span(), message, format!("write `{operator}{operator}`"));
                None
            }
            [TokenTree::Ident(keyword), ..] if keyword == "and" || keyword == "or" => {
                let symbol = if keyword == "and" { "&&" } else { "||" };
                self.diagnostics.error(
                    keyword.span(),
                    format!("unknown operator `{keyword}`"),
                    format!("write `{symbol}`"),
                );
                None
            }
            _ => Some(false),
        }
    }

    fn operand(&mut self) -> Option<Rule> {
        if let Some(path) = self.constant() {
            return Some(Rule::Constant(path));
        }
        match self.rest {
            [TokenTree::Punct(bang), rest @ ..] if bang.as_char() == '!' => {
                (self.rest, self.last) = (rest, bang.span());
                self.operand().map(|rule| Rule::Not(Box::new(rule)))
            }
            [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::Parenthesis => {
                self.rest = rest;
                self.last = group.span_close();
                self.parenthesized(group)
            }
            [TokenTree::Ident(keyword), TokenTree::Group(group), rest @ ..]
                if group.delimiter() == Delimiter::Parenthesis && keyword != "not" =>
            {
                self.rest = rest;
                self.last = group.span_close();
                self.call(keyword, group)
            }
            [TokenTree::Ident(keyword), rest @ ..] => {
                self.rest = rest;
                self.last = keyword.span();
                self.bare_condition(keyword)
            }
            [TokenTree::Literal(literal), ..] => {
                let help = format!("write `role({literal})`, `permission({literal})` or `scope({literal})`");
                self.diagnostics.error(literal.span(), "a name needs its kind: role, permission or scope", help);
                None
            }
            [other, ..] => {
                self.diagnostics.error(other.span(), "expected a condition", CONDITION);
                None
            }
            [] => {
                self.diagnostics.error(self.last, "expected a condition after this", CONDITION);
                None
            }
        }
    }

    /// Consumes the path of a constant, such as `EDITORS` or `rules::EDITORS`. Whether it is a rule is known only to the compiler.
    fn constant(&mut self) -> Option<UserPath> {
        let is_part = |token: &TokenTree| match token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(punct) => punct.as_char() == ':',
            _ => false,
        };
        let length = self.rest.iter().take_while(|token| is_part(token)).count();
        let (path, rest) = self.rest.split_at_checked(length)?;
        let Some(TokenTree::Ident(last)) = path.last() else { return None };
        if !is_path(path) || (length == 1 && !is_constant(last)) {
            return None;
        }
        (self.rest, self.last) = (rest, last.span());
        Some(UserPath(path.iter().cloned().collect()))
    }

    fn parenthesized(&mut self, group: &Group) -> Option<Rule> {
        let tokens = flat(group.stream());
        if tokens.is_empty() {
            self.diagnostics.error(group.span(), "these parentheses are empty", CONDITION);
            return None;
        }
        let mut reader = Reader { rest: &tokens, last: group.span_open(), diagnostics: &mut *self.diagnostics };
        let rule = reader.or_expression()?;
        if let [next, ..] = reader.rest {
            let span = next.span();
            self.diagnostics.error(
                span,
                "missing operator before this",
                "write `&&` (both) or `||` (either) between two conditions",
            );
            return None;
        }
        Some(rule)
    }

    fn bare_condition(&mut self, keyword: &Ident) -> Option<Rule> {
        let text = keyword.to_string();
        match text.as_str() {
            "authenticated" => return Some(Rule::Authenticated),
            "delegated" => return Some(Rule::Delegated),
            "require_proof" | "step_up" => self.only_an_attribute(keyword),
            "public" | "optional_auth" => {
                let message = format!("`{keyword}` cannot be a condition, because it admits every caller");
                self.diagnostics.error(
                    keyword.span(),
                    message,
                    format!("write `#[{keyword}]` alone, or remove `{keyword}`"),
                );
            }
            "not" => self.diagnostics.error(keyword.span(), "unknown operator `not`", "write `!`"),
            "role" | "permission" | "scope" => {
                self.diagnostics.error(
                    keyword.span(),
                    format!("`{keyword}` needs a name"),
                    format!("write `{keyword}(\"..\")`"),
                );
            }
            "owner" | "tenant" => {
                self.diagnostics.error(
                    keyword.span(),
                    format!("`{keyword}` needs a path parameter"),
                    format!("write `{keyword}(id)`"),
                );
            }
            "scheme" => {
                self.diagnostics.error(
                    keyword.span(),
                    "`scheme` needs the name of a scheme",
                    "write `scheme(\"Bearer\")`",
                );
            }
            "network" => {
                self.diagnostics.error(keyword.span(), "`network` needs a network", "write `network(\"10.0.0.0/8\")`");
            }
            "check" => _ = predicate::parse(keyword, None, self.diagnostics),
            _ => self.unknown(keyword),
        }
        None
    }

    /// A condition that is met by another credential or another login, which the client can bring: its rejection is a 401 that says
    /// so. As an alternative it could not.
    fn only_an_attribute(&mut self, keyword: &Ident) {
        self.diagnostics.error(
            keyword.span(),
            format!("`{keyword}` cannot be a condition of an expression"),
            format!("write `#[{keyword}]` above the handler, beside `#[authorize(..)]`"),
        );
    }

    fn unknown(&mut self, keyword: &Ident) {
        let text = keyword.to_string();
        let help = match suggest::nearest(&text, CONDITIONS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("for a role write `role(\"{text}\")`; otherwise {CONDITION}"),
        };
        self.diagnostics.error(keyword.span(), format!("unknown condition `{keyword}`"), help);
    }

    fn call(&mut self, keyword: &Ident, group: &Group) -> Option<Rule> {
        let arguments = Arguments::in_expression(keyword, group.stream());
        let kind = match keyword.to_string().as_str() {
            "role" => NameKind::Role,
            "permission" => NameKind::Permission,
            "scope" => NameKind::Scope,
            "owner" => return owner::rule(arguments, self.diagnostics),
            "tenant" => return tenant::rule(arguments, self.diagnostics),
            "scheme" => return schemes::rule(arguments, self.diagnostics),
            "network" => return networks::rule(arguments, self.diagnostics),
            "check" => return predicate::parse(keyword, Some(group), self.diagnostics).map(Rule::Check),
            "authenticated" => {
                let first = group.stream().into_iter().next();
                let help = match first {
                    Some(TokenTree::Ident(key)) if key == "by" => {
                        "write `authenticated` here, and `#[authenticated(by = ..)]` above the handler"
                    }
                    _ => "write `authenticated`",
                };
                self.diagnostics.error(group.span(), "`authenticated` takes no arguments", help);
                return None;
            }
            "delegated" => {
                self.diagnostics.error(group.span(), "`delegated` takes no arguments", "write `delegated`");
                return None;
            }
            "require_proof" | "step_up" => {
                self.only_an_attribute(keyword);
                return None;
            }
            "owner_or_admin" => {
                let help = "write `(owner(id) || role(\"admin\"))`";
                self.diagnostics.error(keyword.span(), "unknown condition `owner_or_admin`", help);
                return None;
            }
            _ => {
                self.unknown(keyword);
                return None;
            }
        };
        names::parse(kind, arguments, self.diagnostics)
    }
}
