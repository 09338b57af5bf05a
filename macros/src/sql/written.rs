//! The arguments of `sql!`: literals, and `if` or `match` with a literal for each case, between commas.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Block, Expr, ExprIf, ExprLit, ExprMatch, Lit, LitStr, Stmt, Token};

use super::code::Code;
use super::scan::{Scanned, SqlPart, scan};
use crate::diagnostics::{Diagnostics, SourceRange};
use crate::text::text;

/// One argument, as far as the statement is concerned.
#[derive(Debug)]
pub(super) enum Piece {
    Literal(Literal),
    If { condition: TokenStream, then: Box<Piece>, otherwise: Option<Box<Piece>> },
    Match { value: TokenStream, arms: Vec<Arm> },
}

#[derive(Debug)]
pub(super) struct Literal {
    pub(super) parts: Vec<SqlPart>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct Arm {
    /// With its guard.
    pub(super) pattern: TokenStream,
    pub(super) piece: Piece,
}

/// All arguments.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    pub(super) driver: Option<OneDriver>,
}

/// The only database that reads the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OneDriver {
    Sqlite,
    Postgres,
}

const EXAMPLE: &str = "write `sql!(\"SELECT name FROM users WHERE id = {id}\")`";

/// Reports each mistake. Returns `None` if nothing could be read.
pub(super) fn read(arguments: TokenStream, diagnostics: &mut Diagnostics) -> Option<Pieces> {
    let written = match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(arguments) {
        Ok(written) => written,
        Err(error) => {
            let help = "write string literals, and `if` or `match` with literals, between commas";
            diagnostics.error(error.span(), format!("invalid argument: {error}"), help);
            return None;
        }
    };
    if let (Some(Expr::Lit(first)), Some(value)) = (written.first(), written.get(1))
        && matches!(&first.lit, Lit::Str(text) if text.value().contains("{}"))
        && !matches!(value, Expr::Lit(_) | Expr::If(_) | Expr::Match(_))
    {
        let tokens: Vec<_> = value.to_token_stream().into_iter().collect();
        let help = format!("write it between the braces: `{{{}}}`", text(value.to_token_stream()));
        diagnostics.error(SourceRange::of(&tokens, value.span()), "`sql!` has no positional arguments", help);
        return None;
    }
    let mut reader = PieceReader { diagnostics, sqlite: None, postgres: None, is_ended: false, code: Code::default() };
    let pieces: Vec<Piece> = written.iter().filter_map(|argument| reader.piece(argument)).collect();
    let is_blank =
        |piece: &Piece| matches!(piece, Piece::Literal(Literal { parts, .. }) if parts.iter().all(SqlPart::is_blank));
    if pieces.len() == written.len() && pieces.iter().all(is_blank) {
        let span = written.first().map_or_else(Span::call_site, Expr::span);
        reader.diagnostics.error(span, "`sql!` needs a statement", EXAMPLE);
    }
    let driver = match (reader.sqlite, reader.postgres) {
        (Some((_, sqlite)), Some((span, postgres))) => {
            let message = format!("only SQLite reads {sqlite}, and only PostgreSQL reads {postgres}");
            diagnostics.error(span, message, "no database reads both; write a statement for each database");
            None
        }
        (Some(_), None) => Some(OneDriver::Sqlite),
        (None, Some(_)) => Some(OneDriver::Postgres),
        (None, None) => None,
    };
    Some(Pieces { pieces, driver })
}

struct PieceReader<'d> {
    diagnostics: &'d mut Diagnostics,
    /// Where there is what only this database reads, and what it is.
    sqlite: Option<(Span, &'static str)>,
    postgres: Option<(Span, &'static str)>,
    is_ended: bool,
    /// What the literals until now were.
    code: Code,
}

impl PieceReader<'_> {
    fn piece(&mut self, expression: &Expr) -> Option<Piece> {
        match expression {
            Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => self.literal(literal).map(Piece::Literal),
            Expr::If(conditional) => self.conditional(conditional),
            Expr::Match(choice) => self.choice(choice),
            Expr::Group(group) => self.piece(&group.expr),
            Expr::Paren(parentheses) => self.piece(&parentheses.expr),
            Expr::Block(block) if block.label.is_none() => self.block(&block.block),
            Expr::Macro(call) if call.mac.path.is_ident("concat") => {
                self.report(expression, "`concat!` is not a literal", "write the literals themselves, between commas")
            }
            Expr::Macro(call) if call.mac.path.is_ident("format") => self.report(
                expression,
                "`format!` makes a value a part of the text of a statement",
                "write the text as a literal with `{value}`, which becomes a parameter",
            ),
            _ => self.report(
                expression,
                "the text of a statement must be a string literal",
                format!("{EXAMPLE}; a text that is made at run time may contain what a client sent"),
            ),
        }
    }

    fn report(&mut self, at: &impl ToTokens, message: &str, help: impl std::fmt::Display) -> Option<Piece> {
        let tokens: Vec<_> = at.to_token_stream().into_iter().collect();
        let range = SourceRange::of(&tokens, Span::call_site());
        self.diagnostics.error(range, message, help);
        None
    }

    fn literal(&mut self, literal: &LitStr) -> Option<Literal> {
        let (span, written) = (literal.span(), literal.value());
        if self.is_ended && !written.trim().is_empty() {
            self.diagnostics.error(span, "a text after the end of the statement", "remove the `;` before it");
            return None;
        }
        match scan(&written, span, self.code.clone()) {
            Ok(Scanned { parts, sqlite, postgres, is_ended, code }) => {
                self.code = code;
                self.sqlite = self.sqlite.or(sqlite.map(|what| (span, what)));
                self.postgres = self.postgres.or(postgres.map(|what| (span, what)));
                self.is_ended |= is_ended;
                Some(Literal { parts, span })
            }
            Err(mistake) => {
                self.diagnostics.add(span, mistake);
                None
            }
        }
    }

    /// What each case begins with.
    fn before(&self) -> (bool, Code) {
        (self.is_ended, self.code.clone())
    }

    /// Returns what a case ended with, and sets what the next case begins with.
    fn after(&mut self, before: &(bool, Code)) -> (bool, Code) {
        let ended = (self.is_ended, std::mem::take(&mut self.code));
        (self.is_ended, self.code) = before.clone();
        ended
    }

    /// After a choice, each of its cases may have been the one.
    fn go_on(&mut self, cases: Vec<(bool, Code)>) {
        self.is_ended = cases.iter().any(|(is_ended, _)| *is_ended);
        self.code = Code::joined(cases.into_iter().map(|(_, code)| code));
    }

    fn conditional(&mut self, conditional: &ExprIf) -> Option<Piece> {
        let condition = conditional.cond.to_token_stream();
        let before = self.before();
        let then = self.block(&conditional.then_branch);
        let mut cases = vec![self.after(&before)];
        let otherwise = match &conditional.else_branch {
            Some((_, otherwise)) => Some(Box::new(self.piece(otherwise)?)),
            None => None,
        };
        cases.push(self.after(&before));
        self.go_on(cases);
        Some(Piece::If { condition, then: Box::new(then?), otherwise })
    }

    fn choice(&mut self, choice: &ExprMatch) -> Option<Piece> {
        let before = self.before();
        let mut cases = Vec::new();
        let arms: Vec<Option<Arm>> = choice
            .arms
            .iter()
            .map(|arm| {
                let piece = self.piece(&arm.body)?;
                cases.push(self.after(&before));
                Some(Arm { pattern: arm.pat.to_token_stream(), piece })
            })
            .collect();
        self.go_on(cases);
        let arms = arms.into_iter().collect::<Option<Vec<Arm>>>()?;
        Some(Piece::Match { value: choice.expr.to_token_stream(), arms })
    }

    /// A block with one literal, `if` or `match`.
    fn block(&mut self, block: &Block) -> Option<Piece> {
        match block.stmts.as_slice() {
            [Stmt::Expr(expression, None)] => self.piece(expression),
            _ => {
                let help = "write `{ \"AND title = {title}\" }`, with one literal";
                self.diagnostics.error(block.span(), "expected one string literal between the braces", help);
                None
            }
        }
    }
}
