//! `#[derive(SqlIdentifier)]`: an enum of names that a statement may contain.
//!
//! Threat: a name that becomes part of the text of a statement and is not what its author meant (CWE-89). Promise: each name is a
//! constant of a variant, and one that cannot be a name does not compile.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Attribute, Data, DeriveInput, Fields, LitStr};

use super::{expanded, snake};
use crate::diagnostics::Diagnostics;

const EXAMPLE: &str = "write `#[derive(SqlIdentifier)] enum Column { CreatedAt, Title }`";

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    expanded(item, EXAMPLE, expand)
}

fn expand(input: &DeriveInput, diagnostics: &mut Diagnostics) -> TokenStream {
    let name = &input.ident;
    let Data::Enum(body) = &input.data else {
        diagnostics.error(name.span(), "expected an enum, whose variants are the names", EXAMPLE);
        return TokenStream::new();
    };
    if !input.generics.params.is_empty() {
        diagnostics.error(name.span(), "an enum of names cannot be generic", "remove the parameters");
        return TokenStream::new();
    }
    if body.variants.is_empty() {
        diagnostics.error(name.span(), "the enum has no variants", EXAMPLE);
    }
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("sql")) {
        let span = attribute.path().segments.first().map_or(name.span(), |segment| segment.ident.span());
        diagnostics.error(span, "`sql` belongs to a variant, not to the enum", "write it above a variant");
    }
    let arms = body.variants.iter().map(|variant| {
        if !matches!(variant.fields, Fields::Unit) {
            let message = format!("the name `{}` cannot have fields", variant.ident);
            diagnostics.error(variant.ident.span(), message, format!("write `{}`", variant.ident));
        }
        let (ident, fields) = (&variant.ident, &variant.fields);
        let written = written_name(ident, &variant.attrs, diagnostics);
        let pattern = match fields {
            Fields::Unit => quote!(Self::#ident),
            Fields::Unnamed(_) => quote!(Self::#ident(..)),
            Fields::Named(_) => quote!(Self::#ident { .. }),
        };
        quote!(#pattern => #written,)
    });
    let arms: TokenStream = arms.collect();
    // An enum without variants was reported.
    let body = if body.variants.is_empty() { quote!("") } else { quote!(match self { #arms }) };
    quote! {
        impl ::palisade::sql::SqlIdentifier for #name {
            fn name(&self) -> &'static str {
                #body
            }
        }
    }
}

fn written_name(variant: &Ident, attributes: &[Attribute], diagnostics: &mut Diagnostics) -> String {
    let mut name: Option<String> = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("sql")) {
        let read = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("unknown option"));
            }
            let literal: LitStr = meta.value()?.parse()?;
            check(&literal.value(), literal.span(), diagnostics);
            if name.replace(literal.value()).is_some() {
                diagnostics.error(literal.span(), "duplicate `name`", "remove one of the two");
            }
            Ok(())
        });
        if let Err(error) = read {
            diagnostics.error(error.span(), error.to_string(), "write `#[sql(name = \"created_at\")]`");
        }
    }
    name.unwrap_or_else(|| snake(&variant.unraw().to_string()))
}

fn check(name: &str, span: Span, diagnostics: &mut Diagnostics) {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
    };
    if !name.split('.').all(is_name) {
        let help = "a name has letters, digits and `_`, with a dot between a table and its column; an expression, such as \
                    `lower(title)`, is a literal of its own: `match column { Column::Title => \"lower(title)\", .. }` in `sql!`";
        diagnostics.error(span, format!("\"{name}\" is not the name of a column"), help);
    }
}
