//! Names and constants in generated code that cannot collide with the user's names.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

/// Returns a name that the user's items cannot have. In a pattern, a constant or unit struct with the same name would be matched
/// instead of bound.
pub(crate) fn local(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

/// `{ const NAME: Type = value; NAME }`. The compiler evaluates such a constant even if the policy is never used.
pub(crate) fn constant(name: &str, ty: &TokenStream, value: &TokenStream) -> TokenStream {
    let name = local(name, Span::call_site());
    quote!({ const #name: #ty = #value; #name })
}

/// How a policy names palisade's own items.
///
/// If the policy contains a path that the user wrote, an import could shadow it. Then palisade's names are absolute paths.
/// Otherwise names are short, and [`Names::imports`] returns those to import.
pub(crate) struct Names {
    style: Style,
    used: BTreeSet<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Short,
    Whole,
}

impl Names {
    pub(crate) fn short() -> Self {
        Self { style: Style::Short, used: BTreeSet::new() }
    }

    pub(crate) fn whole() -> Self {
        Self { style: Style::Whole, used: BTreeSet::new() }
    }

    pub(crate) fn are_short(&self) -> bool {
        self.style == Style::Short
    }

    /// An item of `palisade::__v1`.
    pub(crate) fn of(&mut self, name: &'static str) -> TokenStream {
        let ident = format_ident!("{name}");
        match self.style {
            Style::Short => {
                self.used.insert(name);
                quote!(#ident)
            }
            Style::Whole => quote!(::palisade::__v1::#ident),
        }
    }

    /// A variant of `palisade::__v1::Rule`.
    pub(crate) fn rule(&self, variant: &str) -> TokenStream {
        let variant = format_ident!("{variant}");
        match self.style {
            Style::Short => quote!(#variant),
            Style::Whole => quote!(::palisade::__v1::Rule::#variant),
        }
    }

    /// The short names that were used, in alphabetical order.
    pub(crate) fn imports(&self) -> impl Iterator<Item = Ident> {
        self.used.iter().map(|name| format_ident!("{name}"))
    }
}
