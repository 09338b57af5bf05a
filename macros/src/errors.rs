//! All mistakes of one handler, reported together.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// Collects mistakes. It has to be read: dropping it unread is a defect of this crate, and panics.
pub(crate) struct Errors {
    found: Vec<(Span, String)>,
    read: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { found: Vec::new(), read: false }
    }

    /// A mistake at `span`: what is wrong, and what to write.
    pub(crate) fn push(&mut self, span: Span, message: impl Into<String>) {
        self.found.push((span, message.into()));
    }

    pub(crate) fn push_syn(&mut self, error: &syn::Error) {
        self.push(error.span(), error.to_string());
    }

    /// The expansion with every mistake in front of it: the handler stays, so that one mistake is one message.
    pub(crate) fn before(mut self, expansion: TokenStream) -> TokenStream {
        self.read = true;
        let errors = std::mem::take(&mut self.found)
            .into_iter()
            .map(|(span, message)| quote_spanned!(span=> ::core::compile_error! { #message }));
        let mut tokens: TokenStream = errors.collect();
        tokens.extend(expansion);
        tokens
    }

    #[cfg(test)]
    pub(crate) fn messages(mut self) -> Vec<String> {
        self.read = true;
        std::mem::take(&mut self.found).into_iter().map(|(_, message)| message).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.read || std::thread::panicking(), "the errors of a handler were never reported");
    }
}
