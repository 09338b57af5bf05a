//! Rate limits, as the constants that the runtime reads.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::{Names, constant, local};
use crate::model::{By, Count, Key, Number, OnStoreFailure, RateLimit, UserPath};

pub(super) fn rate_limit(rate_limit: &RateLimit, names: Names) -> TokenStream {
    let RateLimit { label, terms } = rate_limit;
    let limit = match &terms.limit {
        Number::Literal(limit) => Literal::u32_unsuffixed(*limit).into_token_stream(),
        // What is wrong with a constant is said where its path stands.
        Number::Constant(path) => {
            let checked = quote_spanned!(path.span()=> ::palisade::__v1::limit(#path));
            constant("__LIMIT", &quote!(u32), &checked)
        }
    };
    let seconds = Literal::u64_unsuffixed(terms.seconds);
    let count = count(&terms.count, names);
    let cost = match (&terms.cost, &terms.limit) {
        (Number::Literal(1), _) => None,
        (Number::Literal(cost), Number::Literal(_)) => Some(Literal::u32_unsuffixed(*cost).into_token_stream()),
        (cost, of) => {
            let place = cost.place().or_else(|| of.place()).unwrap_or_else(Span::call_site);
            let checked = quote_spanned!(place=> ::palisade::__v1::cost(#cost, #of));
            Some(constant("__COST", &quote!(u32), &checked))
        }
    };
    let cost = cost.map(|cost| quote!(.cost(#cost)));
    let by = match terms.by.as_slice() {
        _ if terms.is_by_address() => TokenStream::new(),
        [Key { by, .. }] => {
            let by = self::by(by, names);
            quote!(.by(#by))
        }
        several => {
            let several = several.iter().map(|key| by(&key.by, names));
            quote!(.by_each(&[#(#several),*]))
        }
    };
    let on_outage = terms.on_outage.map(|outage| {
        let (outages, outage) = (names.of("OnStoreFailure"), format_ident!("{}", variant(outage)));
        quote!(.on_outage(#outages::#outage))
    });
    let observe = terms.observe.then(|| quote!(.observe()));
    let shared = terms.name.is_some().then(|| quote!(.shared()));
    let rate_limit = names.of("RateLimit");
    quote!(#rate_limit::per_seconds(#label, #limit, #seconds) #count #by #cost #on_outage #observe #shared)
}

/// What the rate limits need to be imported: `By`, `Count`, `OnStoreFailure`, `RateLimit`, each with its comma.
pub(super) fn imports(rate_limits: &[RateLimit]) -> [Option<TokenStream>; 4] {
    let any = |needs: fn(&RateLimit) -> bool| rate_limits.iter().any(needs);
    [
        any(|rate_limit| !rate_limit.terms.is_by_address()).then(|| quote!(By,)),
        any(|rate_limit| !matches!(rate_limit.terms.count, Count::All)).then(|| quote!(Count,)),
        any(|rate_limit| rate_limit.terms.on_outage.is_some()).then(|| quote!(OnStoreFailure,)),
        (!rate_limits.is_empty()).then(|| quote!(RateLimit,)),
    ]
}

fn count(count: &Count, names: Names) -> Option<TokenStream> {
    let counts = names.of("Count");
    Some(match count {
        Count::All => return None,
        Count::Failures => quote!(.count(#counts::Failures)),
        Count::Successes => quote!(.count(#counts::Successes)),
        // A function of another shape is blamed where its path stands.
        Count::When(path) => {
            let when = quote_spanned!(path.span()=> ::palisade::__v1::Count::When);
            quote!(.count(#when(#path)))
        }
    })
}

fn by(by: &By, names: Names) -> TokenStream {
    let keys = names.of("By");
    match by {
        By::Ip => quote!(#keys::Ip),
        By::Principal => quote!(#keys::Principal),
        By::ApiKey => quote!(#keys::ApiKey),
        By::Header(name) => quote!(#keys::Header(#name)),
        By::Field(field) => {
            let text = field.text();
            quote!(#keys::Field(#text))
        }
        By::Function(path) => {
            let function = function(path);
            quote!(#keys::Key(&#function))
        }
    }
}

fn function(path: &UserPath) -> TokenStream {
    let text = path.text();
    let [request, principal] = ["__request", "__principal"].map(|name| local(name, path.span()));
    let asked = quote_spanned!(path.span()=> ::palisade::__v1::pending_key(#path(#request, #principal)));
    quote!(::palisade::__v1::KeyFn::new(#text, |#request, #principal| #asked))
}

const fn variant(outage: OnStoreFailure) -> &'static str {
    match outage {
        OnStoreFailure::Deny => "Deny",
        OnStoreFailure::Allow => "Allow",
        OnStoreFailure::Local => "Local",
    }
}
