//! Rate limits as constants, which the runtime reads.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use crate::hygiene::{Names, constant, local};
use crate::policy::{By, Count, Key, Number, Numbers, OnStoreFailure, RateLimit};
use crate::user_path::UserPath;

pub(super) fn rate_limit(rate_limit: &RateLimit, names: &mut Names) -> TokenStream {
    let RateLimit { label, terms } = rate_limit;
    let limit = match &terms.numbers {
        Numbers::Written { limit, .. } => Some(limit),
        Numbers::Configured => None,
    };
    let count = count(&terms.count, names);
    let cost = match (&terms.cost, limit) {
        (Number::Literal(1), _) => None,
        (Number::Literal(cost), Some(Number::Literal(_)) | None) => {
            Some(Literal::u32_unsuffixed(*cost).into_token_stream())
        }
        (cost, of) => {
            let span = cost.span().or_else(|| of?.span()).unwrap_or_else(Span::call_site);
            let of = of.map_or_else(|| quote!(u32::MAX), ToTokens::to_token_stream);
            let checked = quote_spanned!(span=> ::palisade::__v1::cost(#cost, #of));
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
            let several: Vec<TokenStream> = several.iter().map(|key| by(&key.by, names)).collect();
            quote!(.by_each(&[#(#several),*]))
        }
    };
    let on_outage = terms.on_outage.map(|on_outage| {
        let (outages, outage) = (names.of("OnStoreFailure"), format_ident!("{}", variant(on_outage)));
        quote!(.on_outage(#outages::#outage))
    });
    let observe = terms.observe.then(|| quote!(.observe()));
    let rate_limit = names.of("RateLimit");
    let (made, shared) = match &terms.numbers {
        Numbers::Configured => (quote!(#rate_limit::configured(#label)), None),
        Numbers::Written { limit, seconds } => {
            let (limit, seconds) = (self::limit(limit), Literal::u64_unsuffixed(*seconds));
            let shared = terms.name.is_some().then(|| quote!(.shared()));
            (quote!(#rate_limit::per_seconds(#label, #limit, #seconds)), shared)
        }
    };
    quote!(#made #count #by #cost #on_outage #observe #shared)
}

fn limit(limit: &Number) -> TokenStream {
    match limit {
        Number::Literal(limit) => Literal::u32_unsuffixed(*limit).into_token_stream(),
        // The compiler reports a wrong constant at its path.
        Number::Constant(path) => {
            let checked = quote_spanned!(path.span()=> ::palisade::__v1::limit(#path));
            constant("__LIMIT", &quote!(u32), &checked)
        }
    }
}

fn count(count: &Count, names: &mut Names) -> Option<TokenStream> {
    Some(match count {
        Count::All => return None,
        Count::Failures => {
            let counts = names.of("Count");
            quote!(.count(#counts::Failures))
        }
        Count::Successes => {
            let counts = names.of("Count");
            quote!(.count(#counts::Successes))
        }
        // The compiler reports a function with another signature at its path.
        Count::When(path) => {
            let when = quote_spanned!(path.span()=> ::palisade::__v1::Count::When);
            quote!(.count(#when(#path)))
        }
    })
}

fn by(by: &By, names: &mut Names) -> TokenStream {
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

const fn variant(on_outage: OnStoreFailure) -> &'static str {
    match on_outage {
        OnStoreFailure::Deny => "Deny",
        OnStoreFailure::Allow => "Allow",
        OnStoreFailure::Local => "Local",
    }
}
