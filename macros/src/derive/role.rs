//! `#[derive(Role)]`: an enum as the role registry.
//!
//! Threat: a role that is misspelt, that no token can carry, or that implies more than a reader of the enum expects
//! (CWE-863). Promise: an enum with names that cannot be names, with unknown names, or with roles that imply each other in a
//! cycle does not compile.

use palisade_grammar::hierarchy::Hierarchy;
use palisade_grammar::names::Kind as NameKind;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, LitStr, Meta};

use super::{expanded, snake};
use crate::diagnostics::Diagnostics;
use crate::gather::flat;
use crate::suggest;

struct Variant {
    ident: Ident,
    name: String,
    /// Whether `#[role("..")]` sets the name.
    renamed: bool,
    implies: Vec<Ident>,
    grants: Vec<LitStr>,
}

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    expanded(item, EXAMPLE, expand)
}

const EXAMPLE: &str = "write `#[derive(Role)] enum Role { #[implies(User)] Admin, User }`";

fn expand(input: &DeriveInput, diagnostics: &mut Diagnostics) -> TokenStream {
    let name = &input.ident;
    let Data::Enum(body) = &input.data else {
        diagnostics.error(name.span(), "expected an enum, whose variants are the roles", EXAMPLE);
        return TokenStream::new();
    };
    if let Some(parameter) = input.generics.params.first() {
        let first = parameter.to_token_stream().into_iter().next().map_or(name.span(), |token| token.span());
        diagnostics.error(first, "an enum of roles cannot be generic", "remove the parameter");
        return TokenStream::new();
    }
    if body.variants.is_empty() {
        diagnostics.error(name.span(), "the enum has no variants", EXAMPLE);
    }
    for keyword in input.attrs.iter().filter_map(keyword_of) {
        diagnostics.error(
            keyword.span(),
            format!("`{keyword}` belongs to a variant, not to the enum"),
            "write it above a variant",
        );
    }
    let mut variants: Vec<Variant> = Vec::new();
    for variant in &body.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let message = format!("the role `{}` cannot have fields", variant.ident);
            diagnostics.error(variant.ident.span(), message, format!("write `{}`", variant.ident));
        }
        let read = read(&variant.ident, &variant.attrs, diagnostics);
        // A name in `#[role("..")]` was checked when it was read.
        if !read.renamed
            && let Err(error) = NameKind::Role.check(&read.name)
        {
            diagnostics.error(
                read.ident.span(),
                NameKind::Role.message(error),
                "give it another name with `#[role(\"..\")]`",
            );
        }
        if variants.iter().any(|earlier| earlier.name == read.name) {
            let message = format!("duplicate role name \"{}\"", read.name);
            diagnostics.error(variant.ident.span(), message, "give one of them another name with `#[role(\"..\")]`");
        }
        variants.push(read);
    }
    check_implied_roles(&mut variants, diagnostics);
    check_cycles(&variants, diagnostics);
    emit(name, &variants, &body.variants.iter().map(|variant| &variant.fields).collect::<Vec<_>>())
}

fn read(ident: &Ident, attributes: &[Attribute], diagnostics: &mut Diagnostics) -> Variant {
    let mut variant = Variant {
        ident: ident.clone(),
        name: snake(&ident.unraw().to_string()),
        renamed: false,
        implies: Vec::new(),
        grants: Vec::new(),
    };
    for attribute in attributes {
        let Some(keyword) = keyword_of(attribute) else { continue };
        let help = match keyword.to_string().as_str() {
            "implies" => "write `#[implies(Editor)]`, with variants of this enum",
            "grants" => "write `#[grants(\"users:delete\")]`",
            _ => "write `#[role(\"admin\")]`",
        };
        let tokens = match &attribute.meta {
            Meta::List(list) => flat(list.tokens.clone()),
            _ => Vec::new(),
        };
        if tokens.is_empty() {
            diagnostics.error(keyword.span(), format!("`{keyword}` needs a name"), help);
        }
        for part in tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')) {
            match part {
                [] => {}
                [TokenTree::Ident(other)] if keyword == "implies" => {
                    if variant.implies.contains(other) {
                        diagnostics.error(other.span(), format!("duplicate `{other}`"), "remove one of the two");
                    } else {
                        variant.implies.push(other.clone());
                    }
                }
                [TokenTree::Literal(literal)] if keyword != "implies" => {
                    match syn::parse2::<LitStr>(TokenTree::from(literal.clone()).into()) {
                        Ok(text) => add_name(keyword, text, &mut variant, diagnostics),
                        Err(_) => {
                            diagnostics.error(literal.span(), format!("`{keyword}` takes a name in quotes"), help)
                        }
                    }
                }
                [first, ..] => {
                    let expected = if keyword == "implies" { "variants of this enum" } else { "a name in quotes" };
                    diagnostics.error(first.span(), format!("`{keyword}` takes {expected}"), help);
                }
            }
        }
    }
    variant
}

/// The keyword of an attribute that belongs to the derive.
fn keyword_of(attribute: &Attribute) -> Option<&Ident> {
    attribute.path().get_ident().filter(|keyword| ["implies", "grants", "role"].iter().any(|ours| keyword == ours))
}

fn add_name(keyword: &Ident, text: LitStr, variant: &mut Variant, diagnostics: &mut Diagnostics) {
    let written = text.value();
    let kind = if keyword == "role" { NameKind::Role } else { NameKind::Permission };
    if let Err(error) = kind.check(&written) {
        diagnostics.error(text.span(), kind.message(error), format!("write a name, such as {}", kind.example()));
    } else if kind == NameKind::Role && variant.renamed {
        diagnostics.error(text.span(), "duplicate `role`", "remove one of the two");
    } else if kind == NameKind::Role {
        variant.name = written;
        variant.renamed = true;
    } else if variant.grants.iter().any(|earlier| earlier.value() == written) {
        diagnostics.error(text.span(), format!("duplicate permission \"{written}\""), "remove one of the two");
    } else {
        variant.grants.push(text);
    }
}

/// Reports and removes each implied role that is unknown or is the role itself.
fn check_implied_roles(variants: &mut [Variant], diagnostics: &mut Diagnostics) {
    let names: Vec<String> = variants.iter().map(|variant| variant.ident.to_string()).collect();
    for variant in variants {
        let own = &variant.ident;
        variant.implies.retain(|implied| {
            let text = implied.to_string();
            if implied == own {
                diagnostics.error(implied.span(), format!("`{own}` implies itself"), "remove it");
            } else if !names.contains(&text) {
                let others = names.iter().map(String::as_str).filter(|name| own != name);
                let help = suggest::help(&text, others.collect::<Vec<_>>());
                diagnostics.error(implied.span(), format!("unknown role `{text}`"), help);
            } else {
                return true;
            }
            false
        });
    }
}

fn check_cycles(variants: &[Variant], diagnostics: &mut Diagnostics) {
    let names: Vec<(String, Vec<String>)> = variants
        .iter()
        .map(|variant| (variant.ident.to_string(), variant.implies.iter().map(Ident::to_string).collect()))
        .collect();
    let mut roles = Hierarchy::new();
    for (name, implies) in &names {
        roles.add(name, implies.iter().map(String::as_str));
    }
    let Some(cycle) = roles.first_cycle() else { return };
    let first = variants.iter().find(|variant| cycle.first().is_some_and(|first| variant.ident == first));
    let Some(first) = first else { return };
    let message = format!("roles imply each other in a cycle: {}", cycle.join(" -> "));
    let span = first.implies.first().map_or(first.ident.span(), Ident::span);
    diagnostics.error(span, message, "remove one of these `implies`: a role must not imply itself");
}

fn emit(name: &Ident, variants: &[Variant], fields: &[&Fields]) -> TokenStream {
    let with_fields = |fields: &Fields| !matches!(fields, Fields::Unit);
    let arms = variants.iter().zip(fields).map(|(Variant { ident, name, .. }, fields)| {
        let any = with_fields(fields).then(|| quote!({ .. }));
        quote!(Self::#ident #any => #name)
    });
    // A variant with fields was reported, and is not a role.
    let roles = variants.iter().zip(fields).filter(|(_, fields)| !with_fields(fields));
    let definitions = roles.map(|(Variant { ident, implies, grants, .. }, _)| {
        quote! {
            ::palisade::__v1::RoleDefinition::new(
                Self::#ident.role_name(),
                &[#(Self::#implies.role_name()),*],
                &[#(#grants),*],
            )
        }
    });
    let body = if variants.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms),* }) };
    quote! {
        impl #name {
            /// The role's name in tokens and rules.
            pub const fn role_name(&self) -> &'static str {
                #body
            }

            /// The name as bytes. Generated code calls it, because a constant `&str` has a method with the same name.
            #[doc(hidden)]
            pub const fn as_bytes(&self) -> &'static [u8] {
                self.role_name().as_bytes()
            }
        }

        impl ::palisade::__v1::TypedRole for #name {
            const DEFINITIONS: &'static [::palisade::__v1::RoleDefinition] = &[#(#definitions),*];

            fn name(&self) -> &'static str {
                self.role_name()
            }
        }
    }
}
