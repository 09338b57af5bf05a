//! Origins of web pages as string literals.
//!
//! Threat: a list of origins with one that no browser sends, or with a pattern (CWE-942). Promise: each literal is checked while the
//! application is compiled, by the same rules as at startup.

use palisade_grammar::origin;
use proc_macro2::TokenStream;
use syn::LitStr;

use crate::diagnostics::{Diagnostic, Diagnostics, SourceRange};

/// The argument of `origin!(..)`: one string literal.
pub(crate) fn argument(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Option<LitStr> {
    let list: Vec<_> = tokens.clone().into_iter().collect();
    match syn::parse2::<LitStr>(tokens) {
        Ok(text) => checked(text, diagnostics),
        Err(error) => {
            let range = SourceRange::of(&list, error.span());
            let message = "`origin!` takes one string literal, because it is checked while the application is compiled";
            diagnostics.error(range, message, "write `origin!(\"https://app.example.com\")`");
            None
        }
    }
}

/// Returns the literal if it is an origin as browsers send it. Reports it otherwise.
pub(crate) fn checked(text: LitStr, diagnostics: &mut Diagnostics) -> Option<LitStr> {
    match origin::check(&text.value()) {
        Ok(()) => Some(text),
        Err(error) => {
            diagnostics.add(text.span(), Diagnostic::new(error.message(), error.help()));
            None
        }
    }
}
