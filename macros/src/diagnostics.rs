//! The mistakes of one handler, which are reported together as compile errors.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote_spanned;

/// The tokens that a diagnostic points at, from the first to the last. Each diagnostic has one.
#[derive(Clone, Copy)]
pub(crate) struct SourceRange {
    first: Span,
    last: Span,
}

impl SourceRange {
    /// From the first to the last of `tokens`, or `fallback` if there are no tokens.
    pub(crate) fn of(tokens: &[TokenTree], fallback: Span) -> Self {
        match tokens {
            [] => fallback.into(),
            [first, .., last] => Self { first: first.span(), last: last.span() },
            [only] => only.span().into(),
        }
    }
}

impl From<Span> for SourceRange {
    fn from(span: Span) -> Self {
        Self { first: span, last: span }
    }
}

/// One mistake: a message, and a help text with a correction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Diagnostic {
    pub(crate) fn new(message: impl Display, help: impl Display) -> Self {
        Self { message: message.to_string(), help: help.to_string() }
    }
}

/// Collects the mistakes of one handler.
///
/// A collection that is dropped without being reported panics: a mistake that is not reported would be a route that compiles
/// without its check.
pub(crate) struct Diagnostics {
    found: Vec<(SourceRange, Diagnostic)>,
    reported: bool,
}

impl Diagnostics {
    pub(crate) fn new() -> Self {
        Self { found: Vec::new(), reported: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn error(&mut self, range: impl Into<SourceRange>, message: impl Display, help: impl Display) {
        self.add(range, Diagnostic::new(message, help));
    }

    pub(crate) fn add(&mut self, range: impl Into<SourceRange>, diagnostic: Diagnostic) {
        self.found.push((range.into(), diagnostic));
    }

    /// Each mistake as a `compile_error!`. They are emitted beside the handler, so that a caller of the handler still compiles
    /// and one mistake is one message.
    pub(crate) fn into_tokens(mut self) -> TokenStream {
        self.reported = true;
        let found = std::mem::take(&mut self.found);
        let report = |(SourceRange { first, last }, Diagnostic { message, help })| {
            let text = format!("{message}\n= help: {help}");
            let path = quote_spanned!(first=> ::core::compile_error!);
            // The compiler underlines a macro call from its first token to its last.
            let text = quote_spanned!(last=> { #text });
            [path, text]
        };
        found.into_iter().flat_map(report).collect()
    }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        assert!(
            self.reported || std::thread::panicking(),
            "the mistakes of a handler were collected and never reported"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "never reported")]
    fn unreported_mistakes_are_a_defect() {
        drop(Diagnostics::new());
    }

    #[test]
    fn mistakes_are_reported_in_their_order() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(Span::call_site(), "one", "write 1");
        diagnostics.error(Span::call_site(), "two", "write 2");
        let text = diagnostics.into_tokens().to_string();
        assert_eq!(text.matches(":: core :: compile_error !").count(), 2, "{text}");
        assert!(text.find("write 1") < text.find("write 2"), "{text}");
    }
}
