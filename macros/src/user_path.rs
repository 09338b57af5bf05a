//! A path that the user wrote, such as `Role::Admin` or `limits::PER_DAY`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;

use crate::diagnostics::SourceRange;

/// A path that the user wrote. It is emitted unchanged.
#[derive(Clone)]
pub(crate) struct UserPath(pub(crate) TokenStream);

impl UserPath {
    /// The path without spaces.
    pub(crate) fn text(&self) -> String {
        self.0.to_string().replace(' ', "")
    }

    pub(crate) fn range(&self) -> SourceRange {
        SourceRange::of(&self.0.clone().into_iter().collect::<Vec<TokenTree>>(), Span::call_site())
    }

    /// The span of its last segment.
    pub(crate) fn span(&self) -> Span {
        self.0.clone().into_iter().last().map_or_else(Span::call_site, |last| last.span())
    }
}

impl ToTokens for UserPath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.clone());
    }
}
