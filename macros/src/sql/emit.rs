//! Prints a statement. Cannot fail.
//!
//! A statement of literals and values is a constant text for each database. Otherwise its text is assembled at run time from literals,
//! placeholders and names.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;

use super::parameter::{ParameterForm, SqlParameter};
use super::scan::SqlPart;
use super::written::{Arm, Literal, OneDriver, Piece, Pieces};
use crate::hygiene::local;

pub(super) fn statement(pieces: &Pieces) -> TokenStream {
    let statement = constant(&pieces.pieces).unwrap_or_else(|| assembly(&pieces.pieces));
    match pieces.driver {
        None => statement,
        Some(OneDriver::Sqlite) => quote!(::palisade::__v1::sql::sqlite(#statement)),
        Some(OneDriver::Postgres) => quote!(::palisade::__v1::sql::postgres(#statement)),
    }
}

/// The text of each database, and the values in their order. `None` if the text depends on a value.
fn constant(pieces: &[Piece]) -> Option<TokenStream> {
    let statement = local("statement", Span::call_site());
    let (mut sqlite, mut postgres, mut values, mut number) = (String::new(), String::new(), TokenStream::new(), 0_u32);
    for (index, piece) in pieces.iter().enumerate() {
        let Piece::Literal(Literal { parts, span }) = piece else { return None };
        if index > 0 {
            sqlite.push(' ');
            postgres.push(' ');
        }
        for part in parts {
            match part {
                SqlPart::Text(text) => {
                    sqlite.push_str(text);
                    postgres.push_str(text);
                }
                SqlPart::Value(parameter) => {
                    number += 1;
                    sqlite.push('?');
                    postgres.push_str(&format!("${number}"));
                    let (name, value) = (Ident::new("value", *span), value(parameter));
                    values.extend(quote_spanned!(*span=> ::palisade::__v1::sql::#name(&mut #statement, #value);));
                }
                SqlPart::List { .. } | SqlPart::Name(_) => return None,
            }
        }
    }
    let constant = quote!(::palisade::__v1::sql::constant(#sqlite, #postgres));
    if values.is_empty() {
        return Some(constant);
    }
    // Not a chain: a statement that is passed on for each value costs more than one by hand.
    Some(quote!({
        let mut #statement = #constant;
        #values
        #statement
    }))
}

fn assembly(pieces: &[Piece]) -> TokenStream {
    let statement = local("statement", Span::call_site());
    let mut length = 0;
    let mut steps = TokenStream::new();
    for (index, piece) in pieces.iter().enumerate() {
        steps.extend(step(piece, &statement, index > 0, &mut length));
    }
    quote!({
        let mut #statement = ::palisade::__v1::sql::Assembly::new(#length);
        #steps
        #statement.finish()
    })
}

/// `length` grows by that of each literal, and by that of a placeholder for each parameter.
fn step(piece: &Piece, statement: &Ident, is_spaced: bool, length: &mut usize) -> TokenStream {
    match piece {
        Piece::Literal(literal) => literal_step(literal, statement, is_spaced, length),
        Piece::If { condition, then, otherwise } => {
            let then = step(then, statement, is_spaced, length);
            let otherwise = otherwise.as_ref().map(|otherwise| {
                let otherwise = step(otherwise, statement, is_spaced, length);
                quote!(else { #otherwise })
            });
            quote!(if #condition { #then } #otherwise)
        }
        Piece::Match { value, arms } => {
            let arms = arms.iter().map(|Arm { pattern, piece }| {
                let step = step(piece, statement, is_spaced, length);
                quote!(#pattern => { #step })
            });
            let arms: TokenStream = arms.collect();
            quote!(match #value { #arms })
        }
    }
}

fn literal_step(
    Literal { parts, span }: &Literal,
    statement: &Ident,
    is_spaced: bool,
    length: &mut usize,
) -> TokenStream {
    let is_text = matches!(parts.first(), Some(SqlPart::Text(_)));
    let space = if is_spaced && !is_text && !parts.is_empty() { " " } else { "" };
    let space = (!space.is_empty()).then(|| quote!(#statement.text(#space);));
    *length += 1;
    let steps = parts.iter().enumerate().map(|(index, part)| match part {
        SqlPart::Text(text) => {
            let text = if is_spaced && index == 0 { format!(" {text}") } else { text.clone() };
            *length += text.len();
            quote!(#statement.text(#text);)
        }
        SqlPart::Value(parameter) => {
            *length += 4;
            let (name, value) = (Ident::new("value", *span), value(parameter));
            quote_spanned!(*span=> #statement.#name(#value);)
        }
        SqlPart::List { list, is_negated } => {
            *length += 16;
            let (name, list) = (Ident::new("list", *span), reference(&list.value));
            quote_spanned!(*span=> #statement.#name(#list, #is_negated);)
        }
        SqlPart::Name(name) => {
            *length += 16;
            let method = if name.form == ParameterForm::Direction { "direction" } else { "ident" };
            let (method, value) = (Ident::new(method, *span), reference(&name.value));
            quote_spanned!(*span=> #statement.#method(#value);)
        }
    });
    let steps: TokenStream = steps.collect();
    quote!(#space #steps)
}

/// The value as an argument: by reference, so that the statement takes nothing from its surroundings.
fn value(SqlParameter { value, form }: &SqlParameter) -> TokenStream {
    let value = reference(value);
    match form {
        ParameterForm::Pattern(name) => {
            let name = Ident::new(name, Span::call_site());
            quote!(::palisade::__v1::sql::#name(#value))
        }
        _ => value,
    }
}

/// `&value`, with parentheses where `&` would take a part of the value alone.
fn reference(value: &TokenStream) -> TokenStream {
    match syn::parse2(value.clone()) {
        Ok(
            Expr::Path(_)
            | Expr::Field(_)
            | Expr::MethodCall(_)
            | Expr::Call(_)
            | Expr::Index(_)
            | Expr::Lit(_)
            | Expr::Macro(_)
            | Expr::Paren(_)
            | Expr::Array(_)
            | Expr::Try(_)
            | Expr::Await(_)
            | Expr::Tuple(_)
            | Expr::Unary(_)
            | Expr::Reference(_),
        ) => quote!(&#value),
        _ => quote!(&(#value)),
    }
}
