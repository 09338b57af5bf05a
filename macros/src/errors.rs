//! All mistakes of one handler, reported together.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote_spanned;

/// Where a mistake stands. There is no mistake without a place.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    first: Span,
    last: Span,
}

impl Place {
    /// From the first to the last of the tokens; `otherwise` where there are none.
    pub(crate) fn of(tokens: &[TokenTree], otherwise: Span) -> Self {
        match tokens {
            [] => otherwise.into(),
            [first, .., last] => Self { first: first.span(), last: last.span() },
            [only] => only.span().into(),
        }
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self { first: span, last: span }
    }
}

/// What is wrong, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) cure: String,
}

impl Fault {
    pub(crate) fn new(what: impl Display, cure: impl Display) -> Self {
        Self { what: what.to_string(), cure: cure.to_string() }
    }
}

/// Collects mistakes. Dropping it unread is a defect of this crate, and panics: a mistake that nobody reports would be a
/// route that compiles without its check.
pub(crate) struct Errors {
    found: Vec<(Place, Fault)>,
    read: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { found: Vec::new(), read: false }
    }

    pub(crate) fn push(&mut self, place: impl Into<Place>, what: impl Display, cure: impl Display) {
        self.fault(place, Fault::new(what, cure));
    }

    pub(crate) fn fault(&mut self, place: impl Into<Place>, fault: Fault) {
        self.found.push((place.into(), fault));
    }

    /// The mistakes as `compile_error!`s, to stand beside the item: the handler stays, so that one mistake is one message.
    pub(crate) fn into_tokens(mut self) -> TokenStream {
        self.read = true;
        let found = std::mem::take(&mut self.found);
        let report = |(Place { first, last }, Fault { what, cure })| {
            let message = format!("{what}\n= help: {cure}");
            let path = quote_spanned!(first=> ::core::compile_error!);
            // The compiler underlines an invocation from its first token to its last.
            let message = quote_spanned!(last=> { #message });
            [path, message]
        };
        found.into_iter().flat_map(report).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.read || std::thread::panicking(), "the mistakes of a handler were collected and never reported");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "never reported")]
    fn mistakes_that_nobody_reads_are_a_defect() {
        drop(Errors::new());
    }

    #[test]
    fn every_mistake_is_reported_in_its_order() {
        let mut errors = Errors::new();
        errors.push(Span::call_site(), "one", "write 1");
        errors.push(Span::call_site(), "two", "write 2");
        let text = errors.into_tokens().to_string();
        assert_eq!(text.matches(":: core :: compile_error !").count(), 2, "{text}");
        assert!(text.find("write 1") < text.find("write 2"), "{text}");
    }
}
