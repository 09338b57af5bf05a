//! What the compiler gets. It cannot fail: everything was judged before.
//!
//! Names are absolute, so that nothing of the user's can stand in their place; the handler becomes an item inside of a
//! function, so that no name of ours is visible to it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::model::{Checked, Handler, Quota, RouteClause, Rule, Validation};

pub(crate) fn emit(checked: &Checked) -> TokenStream {
    match &checked.route {
        Some(route) => endpoint(checked, route),
        None => function(checked),
    }
}

/// A route of palisade's own: a type that carries its policy.
fn endpoint(checked: &Checked, route: &RouteClause) -> TokenStream {
    let Handler { attributes, visibility, signature, .. } = &checked.handler;
    let name = &signature.ident;
    let outer = attributes.iter().filter(|attribute| describes(attribute));
    let (policy, inner) = (policy(checked), handler(&checked.handler));
    let (methods, path) = (&route.methods, &route.path);
    let resource = route.name.as_ref().map_or_else(|| name.unraw().to_string(), syn::LitStr::value);
    let mounted = match &checked.validation {
        None => quote!(seat.handler(#name)),
        Some(validation) => {
            let checks = checks(validation, &checked.handler);
            quote!(seat.validated(#name, #checks))
        }
    };
    let guards = route.guards.iter().map(|guard| quote!(.guard(::palisade::__private::fn_guard(#guard))));
    let wraps = route.wraps.iter().map(|wrap| quote!(.wrap(#wrap)));
    quote! {
        #(#outer)*
        #[allow(non_camel_case_types)]
        #visibility struct #name;

        impl ::palisade::Endpoint for #name {
            const ROUTE: ::palisade::Route = ::palisade::Route::new(&[#(#methods),*], #path, #resource);
            const POLICY: &'static ::palisade::Policy = &#policy;

            fn mount(self, seat: ::palisade::__private::Seat) -> ::palisade::__private::Mounted {
                #inner
                #mounted #(#guards)* #(#wraps)*
            }
        }

        impl ::palisade::__private::HttpServiceFactory for #name {
            fn register(self, app: &mut ::palisade::__private::AppService) {
                ::palisade::__private::register(self, app);
            }
        }
    }
}

/// A function that somebody else routes: `web::get().to(..)`, or actix-web's own attribute.
fn function(checked: &Checked) -> TokenStream {
    let Handler { attributes, visibility, signature, .. } = &checked.handler;
    let name = &signature.ident;
    let outer = attributes.iter().filter(|attribute| describes(attribute));
    let (policy, inner) = (policy(checked), handler(&checked.handler));
    let enforced = match &checked.validation {
        None => quote!(::palisade::__private::enforce(const { &#policy }, req, payload, #name)),
        Some(validation) => {
            let checks = checks(validation, &checked.handler);
            quote!(::palisade::__private::enforce_validated(const { &#policy }, req, payload, #name, #checks))
        }
    };
    quote! {
        #(#outer)*
        #visibility async fn #name(
            req: ::palisade::__private::HttpRequest,
            payload: ::palisade::__private::Payload,
        ) -> ::palisade::__private::HttpResponse {
            #inner
            #enforced.await
        }
    }
}

/// The user's function, untouched but for its visibility.
fn handler(handler: &Handler) -> TokenStream {
    let Handler { attributes, signature, body, .. } = handler;
    let attributes = attributes.iter().filter(|attribute| !describes(attribute));
    quote!(#(#attributes)* #signature #body)
}

/// Attributes that are about the item as others see it, not about its code.
fn describes(attribute: &syn::Attribute) -> bool {
    ["doc", "deprecated"].iter().any(|name| attribute.path().is_ident(name))
}

fn policy(checked: &Checked) -> TokenStream {
    let path = format!("::{}", checked.handler.signature.ident.unraw());
    let rule = rule(&checked.rule);
    let mut policy = quote! {
        ::palisade::Policy::new(::core::concat!(::core::module_path!(), #path), #rule)
    };
    if let Some(reason) = &checked.reason {
        policy.extend(quote!(.because(#reason)));
    }
    if !checked.quotas.is_empty() {
        let quotas = checked.quotas.iter().map(quota);
        policy.extend(quote!(.quotas(&[#(#quotas),*])));
    }
    if let Some(validation) = &checked.validation {
        let arguments = checked.handler.arguments();
        let names = validation.positions.iter().filter_map(|at| arguments.get(*at)?.name.as_ref());
        let names = names.map(|name| name.unraw().to_string());
        policy.extend(quote!(.validates(&[#(#names),*])));
    }
    policy
}

fn rule(written: &Rule) -> TokenStream {
    let list = |rules: &[Rule]| rules.iter().map(rule).collect::<Vec<_>>();
    match written {
        Rule::Public => quote!(::palisade::Rule::Public),
        Rule::Authenticated => quote!(::palisade::Rule::Authenticated),
        Rule::Nobody => quote!(::palisade::Rule::Nobody),
        Rule::Admin => quote!(::palisade::Rule::Role("admin")),
        Rule::Role(role) => quote!(::palisade::Rule::Role(#role)),
        Rule::Owner(parameter) => {
            let parameter = syn::LitStr::new(&parameter.to_string(), parameter.span());
            quote!(::palisade::Rule::Owner(#parameter))
        }
        Rule::All(rules) => {
            let rules = list(rules);
            quote!(::palisade::Rule::All(&[#(#rules),*]))
        }
        Rule::Any(rules) => {
            let rules = list(rules);
            quote!(::palisade::Rule::Any(&[#(#rules),*]))
        }
    }
}

fn quota(quota: &Quota) -> TokenStream {
    let Quota { label, written } = quota;
    let (limit, seconds) = (written.limit, written.seconds);
    let mut tokens = quote!(::palisade::Quota::new(#label, #limit, ::core::time::Duration::from_secs(#seconds)));
    if written.failures_only {
        tokens.extend(quote!(.count(::palisade::Count::Failures)));
    }
    if written.by_principal.is_some() {
        tokens.extend(quote!(.by(::palisade::By::Principal)));
    }
    if written.name.is_some() {
        tokens.extend(quote!(.shared()));
    }
    tokens
}

/// `|(_, body)| Checks::new().each(body)?.done()`; an error about a type is shown at that argument's type.
fn checks(validation: &Validation, handler: &Handler) -> TokenStream {
    let arguments = handler.arguments();
    let names: Vec<Ident> = (0..arguments.len()).map(|at| format_ident!("argument{at}")).collect();
    let used = |at: usize| validation.positions.contains(&at);
    let pattern = names.iter().enumerate().map(|(at, name)| if used(at) { name.to_token_stream() } else { quote!(_) });
    let steps = validation.positions.iter().filter_map(|at| {
        let (name, argument) = (names.get(*at)?, arguments.get(*at)?);
        let span = Span::call_site().located_at(argument.ty.span());
        Some(if validation.named {
            quote_spanned!(span=> .named(#name)?)
        } else {
            quote_spanned!(span=> .each(#name)?)
        })
    });
    let done = quote_spanned!(Span::call_site().located_at(validation.span)=> .done());
    quote!(|(#(#pattern,)*)| ::palisade::__private::Checks::new() #(#steps)* #done)
}
