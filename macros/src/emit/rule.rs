//! A rule as a constant.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::hygiene::{Names, constant, local};
use crate::rule::{Name, NameKind, Owns, Parameter, Rule};
use crate::user_path::UserPath;

pub(super) fn rule(written: &Rule, names: &Names) -> TokenStream {
    let list = |rules: &[Rule]| {
        let rules = rules.iter().map(|rule| self::rule(rule, names));
        quote!((&[#(#rules),*]))
    };
    let (variant, fields) = match written {
        Rule::Authenticated => ("Authenticated", TokenStream::new()),
        Rule::Admin(_) => ("Admin", TokenStream::new()),
        Rule::Named(kind, name) => (variant_of(*kind), named(*kind, name)),
        Rule::Owner(parameter) => ("Owner", parameter_name(parameter)),
        Rule::Tenant(parameter) => ("Tenant", parameter_name(parameter)),
        Rule::Owns(owns) => ("Owns", ownership(owns)),
        Rule::Check(path) => ("Check", check(path)),
        Rule::Not(rule) => {
            let rule = self::rule(rule, names);
            ("Not", quote!((&#rule)))
        }
        Rule::All(rules) => ("All", list(rules)),
        Rule::Any(rules) => ("Any", list(rules)),
    };
    let variant = names.rule(variant);
    quote!(#variant #fields)
}

const fn variant_of(kind: NameKind) -> &'static str {
    match kind {
        NameKind::Role => "Role",
        NameKind::Permission => "Permission",
        NameKind::Scope => "Scope",
    }
}

fn named(kind: NameKind, name: &Name) -> TokenStream {
    let path = match name {
        Name::Text(text) => {
            let text = text.value();
            return quote!((#text));
        }
        Name::Path(path) => path,
    };
    let span = Span::mixed_site().located_at(path.span());
    // The compiler reports a wrong path where the user wrote it.
    let checked = match kind {
        NameKind::Permission => quote_spanned!(span=> ::palisade::__v1::permission(#path)),
        NameKind::Scope => quote_spanned!(span=> ::palisade::__v1::scope(#path)),
        // `as_bytes` is the one constant function that both `str` and an enum of roles have.
        NameKind::Role => {
            let name = local("__name", path.span());
            quote_spanned!(span=> {
                use ::palisade::__v1::NoName as _;
                let #name = #path;
                ::palisade::__v1::role(&#name, #name.as_bytes())
            })
        }
    };
    let name = constant("__NAME", &quote!(&str), &checked);
    quote!((#name))
}

fn parameter_name(parameter: &Parameter) -> TokenStream {
    let name = parameter.text();
    quote!((#name))
}

fn ownership(owns: &Owns) -> TokenStream {
    let (of, text, parameters) = (&owns.of, owns.of.text(), owns.names());
    let reveals = owns.reveals.then(|| quote!(.revealing()));
    let made = quote_spanned!(owns.of.span()=> ::palisade::__v1::Ownership::of::<#of>);
    quote!((&#made(#text, &[#(#parameters),*]) #reveals))
}

fn check(path: &UserPath) -> TokenStream {
    let text = path.text();
    let [request, principal] = ["__request", "__principal"].map(|name| local(name, path.span()));
    let asked = quote_spanned!(path.span()=> ::palisade::__v1::pending(#path(#request, #principal)));
    quote!((&::palisade::__v1::Check::new(#text, |#request, #principal| #asked)))
}
