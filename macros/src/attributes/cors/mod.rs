//! `#[cors("https://partner.example", credentials, expose("X-Total"), methods("GET"), max_age = "10m")]`, `#[cors(any)]`, `#[cors(none)]`.
//!
//! Threat: pages of an attacker read responses, because an origin was mistyped or every origin got credentials (CWE-942, ASVS V3.4.2).
//! Promise: each origin, method and header name is checked at compile time, and `any` with `credentials` does not compile.
//!
//! The rule is emitted here, and `written` reads each of them.

mod written;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};
use syn::LitStr;

use self::written::WrittenCors;
use super::{Attribute, Clause, Context, UncheckedClause, report_repeated};
use crate::arguments::Arguments;
use crate::diagnostics::Diagnostics;
use crate::hygiene::Names;
use crate::policy::{Additions, CorsOrigins, CorsTerms, OriginName};

pub(super) struct Cors;

impl Attribute for Cors {
    fn keyword(&self) -> &'static str {
        "cors"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        let keyword = arguments.keyword;
        let options = WrittenCors::read(arguments, diagnostics);
        Clause::effect(options.and_then(|options| options.checked(keyword, diagnostics)))
    }

    fn emit(&self, additions: &Additions, names: &mut Names) -> TokenStream {
        let Some(terms) = &additions.cors else { return TokenStream::new() };
        let CorsTerms { origins, subdomains, credentials, exposed, request_headers, methods, max_age } = terms;
        let rule = names.of("RouteCors");
        let origins = match origins {
            CorsOrigins::Any => quote!(#rule::any()),
            CorsOrigins::Listed(listed) => {
                let listed = self::listed(listed, names);
                quote!(#rule::of(#listed))
            }
        };
        let subdomains = (!subdomains.is_empty()).then(|| {
            let listed = self::listed(subdomains, names);
            quote!(.subdomains(#listed))
        });
        let credentials = credentials.then(|| quote!(.credentials()));
        let exposed = texts(&quote!(expose), exposed);
        let request_headers = texts(&quote!(request_headers), request_headers);
        let methods = texts(&quote!(methods), methods);
        let max_age = max_age.map(|seconds| {
            let seconds = Literal::u64_unsuffixed(seconds);
            quote!(.max_age(#seconds))
        });
        quote!(.cors(&#origins #subdomains #credentials #exposed #request_headers #methods #max_age))
    }
}

impl UncheckedClause for CorsTerms {
    fn check(
        self: Box<Self>,
        keyword: &Ident,
        _: &Context<'_>,
        additions: &mut Additions,
        diagnostics: &mut Diagnostics,
    ) {
        if additions.cors.replace(*self).is_some() {
            report_repeated(keyword, diagnostics);
        }
    }
}

fn listed(names_of_origins: &[OriginName], names: &mut Names) -> TokenStream {
    let listed: Vec<TokenStream> = names_of_origins
        .iter()
        .map(|name| match name {
            OriginName::Text(text) => {
                let origin = names.of("origin");
                quote!(#origin(#text))
            }
            OriginName::Constant(path) => path.to_token_stream(),
        })
        .collect();
    quote!(&[#(#listed),*])
}

fn texts(method: &TokenStream, texts: &[LitStr]) -> Option<TokenStream> {
    (!texts.is_empty()).then(|| quote!(.#method(&[#(#texts),*])))
}
