//! The arguments of one call: whether the statement is a literal, and whether it is built there.
//!
//! Only an expression whose value becomes the statement is looked at: not an index, not a condition, and not the arguments of another
//! function. So `STATEMENTS[page + 1]` is not raw SQL. Arguments that are not Rust, because they are in another macro, are not
//! judged.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{BinOp, Block, Expr, ExprCall, Lit, Macro, Stmt, Token};

use super::RawSqlKind;

/// Methods whose result is the text of their receiver.
const SAME_TEXT: [&str; 14] = [
    "as_ref",
    "as_str",
    "borrow",
    "clone",
    "deref",
    "into",
    "into_boxed_str",
    "into_owned",
    "into_string",
    "leak",
    "replace",
    "to_owned",
    "to_string",
    "trim",
];

/// Functions whose result is the text of their argument: `String::from`, `Box::leak`.
const SAME_TEXT_FUNCTIONS: [&str; 3] = ["from", "from_static", "leak"];

/// Returns the tokens of the only argument if it is not a literal.
pub(super) fn not_literal(arguments: TokenStream) -> Option<Vec<TokenTree>> {
    let [argument]: [Expr; 1] = parse(arguments)?.try_into().ok()?;
    // An assertion in it is a mistake of its own.
    let is_clear = is_literal(&argument) || matches!(&argument, Expr::Call(call) if last(&call.func, "AssertSqlSafe"));
    (!is_clear).then(|| tokens(&argument))
}

/// Returns the tokens that build the statement in the first of `count` arguments, and how they build it.
pub(super) fn built(arguments: TokenStream, count: usize) -> Option<(Vec<TokenTree>, RawSqlKind)> {
    if !may_build(arguments.clone()) {
        return None;
    }
    let arguments = parse(arguments)?;
    in_value(arguments.first().filter(|_| arguments.len() == count)?)
}

/// Whether there is anything that builds a text. It is cheaper than to parse.
fn may_build(arguments: TokenStream) -> bool {
    arguments.into_iter().any(|token| match token {
        TokenTree::Group(group) => may_build(group.stream()),
        TokenTree::Ident(ident) => ident == "format" || ident == "concat",
        TokenTree::Punct(punct) => punct.as_char() == '+',
        TokenTree::Literal(_) => false,
    })
}

fn parse(arguments: TokenStream) -> Option<Vec<Expr>> {
    let arguments = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(arguments).ok()?;
    Some(arguments.into_iter().collect())
}

fn tokens(tokens: &impl ToTokens) -> Vec<TokenTree> {
    tokens.to_token_stream().into_iter().collect()
}

fn is_literal(expression: &Expr) -> bool {
    match expression {
        Expr::Group(inner) => is_literal(&inner.expr),
        Expr::Paren(inner) => is_literal(&inner.expr),
        Expr::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
        Expr::Macro(written) => named(&written.mac, "concat") || named(&written.mac, "include_str"),
        _ => false,
    }
}

/// Looks at each expression whose value is that of the whole expression.
fn in_value(expression: &Expr) -> Option<(Vec<TokenTree>, RawSqlKind)> {
    match expression {
        Expr::Macro(written) => formatted(&written.mac),
        Expr::Binary(binary) if matches!(binary.op, BinOp::Add(_)) => Some((tokens(binary), RawSqlKind::Added)),
        Expr::MethodCall(call) if call.method == "concat" && call.args.is_empty() => {
            Some((tokens(call), RawSqlKind::Concatenated))
        }
        Expr::MethodCall(call) if SAME_TEXT.iter().any(|known| call.method == known) => in_value(&call.receiver),
        Expr::Call(ExprCall { func, args, .. }) if SAME_TEXT_FUNCTIONS.iter().any(|known| last(func, known)) => {
            in_value(args.first()?)
        }
        Expr::Group(inner) => in_value(&inner.expr),
        Expr::Paren(inner) => in_value(&inner.expr),
        Expr::Reference(inner) => in_value(&inner.expr),
        Expr::Unary(inner) => in_value(&inner.expr),
        Expr::Block(inner) => in_block(&inner.block),
        Expr::If(choice) => {
            let otherwise = || in_value(&choice.else_branch.as_ref()?.1);
            in_block(&choice.then_branch).or_else(otherwise)
        }
        Expr::Match(choice) => choice.arms.iter().find_map(|arm| in_value(&arm.body)),
        _ => None,
    }
}

fn in_block(block: &Block) -> Option<(Vec<TokenTree>, RawSqlKind)> {
    match block.stmts.last()? {
        Stmt::Expr(value, None) => in_value(value),
        Stmt::Macro(written) if written.semi_token.is_none() => formatted(&written.mac),
        _ => None,
    }
}

fn formatted(written: &Macro) -> Option<(Vec<TokenTree>, RawSqlKind)> {
    named(written, "format").then(|| (tokens(written), RawSqlKind::Formatted))
}

fn named(written: &Macro, name: &str) -> bool {
    written.path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// Whether the expression is a path whose last segment has this name.
fn last(function: &Expr, name: &str) -> bool {
    matches!(function, Expr::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == name))
}
