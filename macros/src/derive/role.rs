//! `#[derive(Role)]`: an enum as the role registry.
//!
//! Threat: a role that is misspelt, that no token can carry, or that implies more than a reader of the enum expects
//! (CWE-863). Promise: an enum with names that cannot be names, with unknown names, or with roles that imply each other in a
//! cycle does not compile.

use palisade_grammar::hierarchy::Hierarchy;
use palisade_grammar::names::Kind;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, LitStr, Meta};

use crate::clause::flat;
use crate::errors::Errors;
use crate::suggest;

struct Variant {
    ident: Ident,
    name: String,
    /// Whether `#[role("..")]` has said so.
    renamed: bool,
    implies: Vec<Ident>,
    grants: Vec<LitStr>,
}

/// What could be understood is emitted in any case, so that one mistake is one message.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let expansion = match syn::parse2::<DeriveInput>(item) {
        Ok(input) => expand(&input, &mut errors),
        Err(error) => {
            errors.push(error.span(), format!("this can't be read: {error}"), EXAMPLE);
            TokenStream::new()
        }
    };
    let mut tokens = errors.into_tokens();
    tokens.extend(expansion);
    tokens
}

const EXAMPLE: &str = "write `#[derive(Role)] enum Role { #[implies(User)] Admin, User }`";

fn expand(input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let name = &input.ident;
    let Data::Enum(body) = &input.data else {
        errors.push(name.span(), "roles are the variants of an enum", EXAMPLE);
        return TokenStream::new();
    };
    if let Some(parameter) = input.generics.params.first() {
        let place = parameter.to_token_stream().into_iter().next().map_or(name.span(), |token| token.span());
        errors.push(place, "an enum of roles is not generic: a role is one name", "remove the parameter");
        return TokenStream::new();
    }
    if body.variants.is_empty() {
        errors.push(name.span(), "this enum has no role", EXAMPLE);
    }
    for word in input.attrs.iter().filter_map(ours) {
        errors.push(word.span(), format!("`{word}` is about one role, not about the enum"), "put it above a variant");
    }
    let mut variants: Vec<Variant> = Vec::new();
    for variant in &body.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let what = format!("the role `{}` has fields, and a role is just a name", variant.ident);
            errors.push(variant.ident.span(), what, format!("write `{}`", variant.ident));
        }
        let read = read(&variant.ident, &variant.attrs, errors);
        // A name in `#[role("..")]` was checked where it is written.
        if !read.renamed
            && let Err(error) = Kind::Role.check(&read.name)
        {
            errors.push(read.ident.span(), Kind::Role.message(error), "give it another name with `#[role(\"..\")]`");
        }
        if variants.iter().any(|earlier| earlier.name == read.name) {
            let what = format!("two roles are called \"{}\"", read.name);
            errors.push(variant.ident.span(), what, "give one of them another name with `#[role(\"..\")]`");
        }
        variants.push(read);
    }
    known(&mut variants, errors);
    cycles(&variants, errors);
    emit(name, &variants, &body.variants.iter().map(|variant| &variant.fields).collect::<Vec<_>>())
}

fn read(ident: &Ident, attributes: &[Attribute], errors: &mut Errors) -> Variant {
    let mut variant = Variant {
        ident: ident.clone(),
        name: snake(&ident.unraw().to_string()),
        renamed: false,
        implies: Vec::new(),
        grants: Vec::new(),
    };
    for attribute in attributes {
        let Some(word) = ours(attribute) else { continue };
        let cure = match word.to_string().as_str() {
            "implies" => "write `#[implies(Editor)]`, with variants of this enum",
            "grants" => "write `#[grants(\"users:delete\")]`",
            _ => "write `#[role(\"admin\")]`",
        };
        let tokens = match &attribute.meta {
            Meta::List(list) => flat(list.tokens.clone()),
            _ => Vec::new(),
        };
        if tokens.is_empty() {
            errors.push(word.span(), format!("`{word}` names nothing"), cure);
        }
        for part in tokens.split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')) {
            match part {
                [] => {}
                [TokenTree::Ident(other)] if word == "implies" => {
                    if variant.implies.contains(other) {
                        errors.push(other.span(), format!("`{other}` stands here twice"), "remove one of the two");
                    } else {
                        variant.implies.push(other.clone());
                    }
                }
                [TokenTree::Literal(literal)] if word != "implies" => {
                    match syn::parse2::<LitStr>(TokenTree::from(literal.clone()).into()) {
                        Ok(text) => named(word, text, &mut variant, errors),
                        Err(_) => errors.push(literal.span(), format!("`{word}` takes a name in quotes"), cure),
                    }
                }
                [first, ..] => {
                    let what = if word == "implies" { "takes variants of this enum" } else { "takes a name in quotes" };
                    errors.push(first.span(), format!("`{word}` {what}"), cure);
                }
            }
        }
    }
    variant
}

/// The word of an attribute that belongs to the derive.
fn ours(attribute: &Attribute) -> Option<&Ident> {
    attribute.path().get_ident().filter(|word| ["implies", "grants", "role"].iter().any(|ours| word == ours))
}

fn named(word: &Ident, text: LitStr, variant: &mut Variant, errors: &mut Errors) {
    let written = text.value();
    let kind = if word == "role" { Kind::Role } else { Kind::Permission };
    if let Err(error) = kind.check(&written) {
        errors.push(text.span(), kind.message(error), format!("write a name, such as {}", kind.example()));
    } else if kind == Kind::Role && variant.renamed {
        errors.push(text.span(), "a role has one name", "remove one of the two");
    } else if kind == Kind::Role {
        variant.name = written;
        variant.renamed = true;
    } else if variant.grants.iter().any(|earlier| earlier.value() == written) {
        errors.push(text.span(), format!("\"{written}\" is granted twice"), "remove one of the two");
    } else {
        variant.grants.push(text);
    }
}

/// Every implied role is a variant, and another one.
fn known(variants: &mut [Variant], errors: &mut Errors) {
    let names: Vec<String> = variants.iter().map(|variant| variant.ident.to_string()).collect();
    for variant in variants {
        let own = &variant.ident;
        variant.implies.retain(|implied| {
            let text = implied.to_string();
            if implied == own {
                errors.push(implied.span(), format!("`{own}` implies itself"), "remove it");
            } else if !names.contains(&text) {
                let others = names.iter().map(String::as_str).filter(|name| own != name);
                let cure = suggest::cure(&text, others.collect::<Vec<_>>());
                errors.push(implied.span(), format!("`{text}` is no role of this enum"), cure);
            } else {
                return true;
            }
            false
        });
    }
}

fn cycles(variants: &[Variant], errors: &mut Errors) {
    let names: Vec<(String, Vec<String>)> = variants
        .iter()
        .map(|variant| (variant.ident.to_string(), variant.implies.iter().map(Ident::to_string).collect()))
        .collect();
    let mut roles = Hierarchy::new();
    for (name, implies) in &names {
        roles.add(name, implies.iter().map(String::as_str));
    }
    let Some(way) = roles.first_cycle() else { return };
    let first = variants.iter().find(|variant| way.first().is_some_and(|first| variant.ident == first));
    let Some(first) = first else { return };
    let what = format!("roles imply each other in a cycle: {}", way.join(" -> "));
    let place = first.implies.first().map_or(first.ident.span(), Ident::span);
    errors.push(place, what, "remove one of these `implies`: a role implies lesser ones only");
}

fn emit(name: &Ident, variants: &[Variant], fields: &[&Fields]) -> TokenStream {
    let with_fields = |fields: &Fields| !matches!(fields, Fields::Unit);
    let arms = variants.iter().zip(fields).map(|(Variant { ident, name, .. }, fields)| {
        let any = with_fields(fields).then(|| quote!({ .. }));
        quote!(Self::#ident #any => #name)
    });
    // A variant with fields was reported, and is no role.
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
            /// The role's name, as it stands in tokens and rules.
            pub const fn role_name(&self) -> &'static str {
                #body
            }

            /// The same, for generated code: a constant text has a function of this name too.
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

fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = c;
    }
    snake
}
