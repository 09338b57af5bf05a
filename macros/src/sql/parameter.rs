//! What is between the braces of a literal: `{id}`, `{ids..}`, `{sort:ident}`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Expr, LitStr};

use crate::diagnostics::Diagnostic;
use crate::gather::flat;
use crate::suggest;

/// One parameter.
#[derive(Debug, Clone)]
pub(super) struct SqlParameter {
    pub(super) value: TokenStream,
    pub(super) form: ParameterForm,
}

/// How a parameter becomes a part of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterForm {
    /// `{id}`: a placeholder.
    Value,
    /// `{q:contains}`: a placeholder for a pattern of `LIKE`.
    Pattern(&'static str),
    /// `IN ({ids..})`: a list of placeholders.
    List,
    /// `{sort:ident}`: the name of a column.
    Ident,
    /// `{sort:direction}`: `ASC` or `DESC`.
    Direction,
}

const FORMS: [(&str, ParameterForm); 5] = [
    ("ident", ParameterForm::Ident),
    ("direction", ParameterForm::Direction),
    ("contains", ParameterForm::Pattern("contains")),
    ("starts_with", ParameterForm::Pattern("starts_with")),
    ("ends_with", ParameterForm::Pattern("ends_with")),
];

/// Reads the text between the braces. The tokens have the span of the literal, because a part of a literal has none of its own.
pub(super) fn read(inside: &str, span: Span) -> Result<SqlParameter, Diagnostic> {
    if inside.trim().is_empty() {
        return Err(Diagnostic::new("a parameter needs a value", "write `{id}`, with the value between the braces"));
    }
    if ["if ", "match "].iter().any(|keyword| inside.trim_start().starts_with(keyword)) {
        return Err(Diagnostic::new(
            "a condition between braces is not a value",
            "write a condition as a further argument: `sql!(\"SELECT ..\", if let Some(q) = q { \"AND title = {q}\" })`",
        ));
    }
    let Ok(tokens) = LitStr::new(inside, span).parse::<TokenStream>() else {
        return Err(not_a_value(inside));
    };
    let (tokens, form) = split(flat(tokens), inside)?;
    let value: TokenStream = tokens.into_iter().collect();
    match syn::parse2::<Expr>(value.clone()) {
        Ok(Expr::Range(_) | Expr::Assign(_)) | Err(_) => Err(not_a_value(inside)),
        Ok(_) => Ok(SqlParameter { value, form }),
    }
}

fn not_a_value(inside: &str) -> Diagnostic {
    Diagnostic::new(
        format!("`{{{inside}}}` is not a Rust expression"),
        "write `{id}`, `{user.name}`, a list as `IN ({ids..})`, or a column as `ORDER BY {sort:ident}`",
    )
}

/// Splits off the form: `..` or `:ident` at the end.
fn split(mut tokens: Vec<TokenTree>, inside: &str) -> Result<(Vec<TokenTree>, ParameterForm), Diagnostic> {
    let is = |token: Option<&TokenTree>, mark: char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    let from_end =
        |tokens: &[TokenTree], back: usize| tokens.len().checked_sub(back).and_then(|at| tokens.get(at).cloned());
    if tokens.len() > 2 && is(tokens.last(), '.') && is(from_end(&tokens, 2).as_ref(), '.') {
        tokens.truncate(tokens.len() - 2);
        return Ok((tokens, ParameterForm::List));
    }
    let colon = tokens.iter().rposition(|token| is(Some(token), ':'));
    let Some(colon) = colon.filter(|&at| !(at > 0 && is(tokens.get(at - 1), ':'))) else {
        return Ok((tokens, ParameterForm::Value));
    };
    let written: String = tokens[colon + 1..].iter().map(ToString::to_string).collect();
    let Some((_, form)) = FORMS.into_iter().find(|(name, _)| *name == written) else {
        let known = FORMS.map(|(name, _)| name);
        let help = match suggest::nearest(&written, known) {
            Some(meant) => format!("did you mean `{}:{meant}}}`?", &inside_before(inside)),
            None => format!("after a colon, write {}; values need no format", suggest::one_of(known)),
        };
        return Err(Diagnostic::new(format!("unknown form `:{written}` in `{{{inside}}}`"), help));
    };
    tokens.truncate(colon);
    Ok((tokens, form))
}

/// `{sort` of `sort:idnt`.
fn inside_before(inside: &str) -> String {
    format!("{{{}", inside.rsplit_once(':').map_or(inside, |(before, _)| before).trim())
}

/// Whether the text between the braces names a value, as `{id}` and `{user.name()}` do, and `{1,2}` and `{"a": 1}` do not.
pub(super) fn names_a_value(inside: &str) -> bool {
    let Ok(SqlParameter { value, form }) = read(inside, Span::call_site()) else { return false };
    if form != ParameterForm::Value {
        return true;
    }
    matches!(
        syn::parse2::<Expr>(value),
        Ok(Expr::Path(_)
            | Expr::Field(_)
            | Expr::MethodCall(_)
            | Expr::Call(_)
            | Expr::Index(_)
            | Expr::Reference(_)
            | Expr::Unary(_)
            | Expr::Try(_)
            | Expr::Await(_)
            | Expr::Macro(_)
            | Expr::Paren(_))
    )
}
