//! `sql!`: a statement that reads like interpolation and has parameters.
//!
//! Threat: a value becomes part of the text of a statement (SQL injection, CWE-89). Promise: the text consists of string literals, in
//! which each `{value}` is replaced by a placeholder. A place where the database would not read a placeholder, such as a quoted text,
//! does not compile.
//!
//! 1. `written` reads the arguments: literals, and `if` or `match` with literals.
//! 2. `scan` reads a literal as the database reads it, and finds its parameters. `code` is what it has read until then.
//! 3. `parameter` reads what is between the braces, and `place` checks where it is.
//! 4. `emit` prints the statement.

mod code;
mod emit;
mod parameter;
mod place;
mod scan;
#[cfg(test)]
mod tests;
mod written;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Diagnostics;

/// The statement, after its compile errors. After an error it is a statement without text, so that one mistake is one message.
pub(crate) fn expand(arguments: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let pieces = written::read(arguments, &mut diagnostics);
    let statement = match (pieces, diagnostics.is_empty()) {
        (Some(pieces), true) => emit::statement(&pieces),
        _ => quote!(::palisade::__v1::sql::constant("", "")),
    };
    let mistakes = diagnostics.into_tokens();
    if mistakes.is_empty() { statement } else { quote!({ #mistakes #statement }) }
}
