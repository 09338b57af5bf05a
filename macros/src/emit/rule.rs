//! A rule as a constant.

use palisade_grammar::network::Network;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::LitStr;

use crate::hygiene::{Names, constant, local};
use crate::rule::{AuthScheme, Name, NameKind, Owns, Parameter, Predicate, PredicateArgument, Rule, StepUpTerms};
use crate::user_path::UserPath;

pub(super) fn rule(written: &Rule, names: &Names) -> TokenStream {
    let list = |rules: &[Rule]| {
        let rules = rules.iter().map(|rule| self::rule(rule, names));
        quote!((&[#(#rules),*]))
    };
    let (variant, fields) = match written {
        Rule::Authenticated => ("Authenticated", TokenStream::new()),
        Rule::AuthenticatedBy(schemes) => {
            let schemes = schemes.iter().map(scheme);
            ("AuthenticatedBy", quote!((&[#(#schemes),*])))
        }
        Rule::Scheme(AuthScheme::Named(name)) => {
            let name = name.value();
            ("Scheme", quote!((#name)))
        }
        // `scheme(..)` takes names only.
        Rule::Scheme(api_keys) => {
            let scheme = scheme(api_keys);
            ("AuthenticatedBy", quote!((&[#scheme])))
        }
        Rule::Network(networks) => {
            let networks = networks.list.iter().map(network);
            ("Network", quote!((&[#(#networks),*])))
        }
        Rule::Admin(_) => ("Admin", TokenStream::new()),
        Rule::Named(kind, name) => (variant_of(*kind), named(*kind, name)),
        Rule::Owner(parameter) => ("Owner", parameter_name(parameter)),
        Rule::Tenant(parameter) => ("Tenant", parameter_name(parameter)),
        Rule::Bound => ("Bound", TokenStream::new()),
        Rule::Delegated => ("Delegated", TokenStream::new()),
        Rule::StepUp(demand) => ("StepUp", step_up(demand)),
        Rule::Owns(owns) => ("Owns", ownership(owns)),
        Rule::Check(predicate) => ("Check", check(predicate)),
        Rule::Constant(path) => return condition(path),
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

fn step_up(demand: &StepUpTerms) -> TokenStream {
    let acr = demand.acr.iter().map(LitStr::value);
    let max_age = demand.max_age.map(|seconds| {
        let seconds = Literal::u64_unsuffixed(seconds);
        quote!(.max_age_seconds(#seconds))
    });
    quote!((&::palisade::__v1::StepUp::new(&[#(#acr),*])#max_age))
}

fn scheme(scheme: &AuthScheme) -> TokenStream {
    match scheme {
        AuthScheme::ApiKeys(_) => quote!(::palisade::__v1::AuthScheme::ApiKeys),
        AuthScheme::Named(name) => {
            let name = name.value();
            quote!(::palisade::__v1::AuthScheme::Named(#name))
        }
    }
}

fn network(network: &Network) -> TokenStream {
    match *network {
        Network::V4(first, prefix) => {
            let (first, prefix) = (first.map(Literal::u8_unsuffixed), Literal::u8_unsuffixed(prefix));
            quote!(::palisade::__v1::Network::V4([#(#first),*], #prefix))
        }
        Network::V6(first, prefix) => {
            let (first, prefix) = (first.map(Literal::u16_unsuffixed), Literal::u8_unsuffixed(prefix));
            quote!(::palisade::__v1::Network::V6([#(#first),*], #prefix))
        }
    }
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

/// A constant rule of the application. The compiler evaluates the check that it can be a condition.
fn condition(path: &UserPath) -> TokenStream {
    let checked = quote_spanned!(Span::mixed_site().located_at(path.span())=> ::palisade::__v1::condition(#path));
    constant("__RULE", &quote!(::palisade::__v1::Rule), &checked)
}

fn check(predicate: &Predicate) -> TokenStream {
    let Predicate { path, arguments } = predicate;
    let text = predicate.text();
    let [request, principal, values] = ["__request", "__principal", "__values"].map(|name| local(name, path.span()));
    if arguments.is_empty() {
        let asked = quote_spanned!(path.span()=> ::palisade::__v1::pending(#path(#request, #principal)));
        return quote!((&::palisade::__v1::Check::new(#text, |#request, #principal| #asked)));
    }
    let mut index = 0_usize;
    let passed: Vec<TokenStream> = arguments
        .iter()
        .map(|argument| match argument {
            PredicateArgument::Value(tokens) => tokens.iter().cloned().collect(),
            PredicateArgument::Parameter(_) => {
                let at = Literal::usize_unsuffixed(index);
                index += 1;
                quote!(::palisade::__v1::value(#values, #at))
            }
        })
        .collect();
    let parameters = predicate.parameters().map(Parameter::text);
    let asked = quote_spanned!(path.span()=> ::palisade::__v1::pending(#path(#request, #principal, #(#passed),*)));
    quote!((&::palisade::__v1::Check::with_parameters(
        #text, &[#(#parameters),*], |#request, #principal, #values| #asked
    )))
}
