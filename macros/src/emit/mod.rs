//! What the compiler gets. It cannot fail: everything was judged before.
//!
//! Every path is absolute, so that nothing of the user's can stand in its place. The handler becomes an item inside of a
//! function, so that no name of ours is visible to it.

mod arguments;
mod rate_limit;
mod types;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use self::arguments::{checks, keys};
use crate::clause::Attribute;
use crate::model::{
    Call, Checked, Handler, Kind, Name, Named, Owns, Parameter, Policy, Route, Rule, UserPath, Validates,
};

pub(crate) fn emit(checked: &Checked) -> TokenStream {
    match &checked.route {
        Some(route) => endpoint(checked, route),
        None => function(checked),
    }
}

/// A route of palisade's own: a type that carries its policy.
fn endpoint(checked: &Checked, route: &Route) -> TokenStream {
    let Checked { handler, policy, call, .. } = checked;
    let Handler { visibility, signature, .. } = handler;
    let name = &signature.ident;
    let outer = handler.attributes.iter().filter(|attribute| is_about_the_name(attribute));
    let Route { methods, path, name: resource, guards, wraps } = route;
    let path = path.as_ref().map_or_else(String::new, syn::LitStr::value);
    let place = place(methods, &path, resource.as_ref());
    let policy = self::policy(policy, name);
    let inner = inner(handler);
    let mounter = local("__at", Span::call_site());
    let mounted = match handler_with_checks(checked) {
        None => quote!(#mounter.never()),
        Some(handler) if wraps.is_empty() => quote!(#handler.mount(#mounter)),
        // The checks run before the route's own middleware, so the handler is mounted inside of it.
        Some(handler) => {
            let route = local("__route", Span::call_site());
            quote!(#mounter.around(|#mounter| #handler.mount(#mounter), |#route| #route #(.wrap(#wraps))*))
        }
    };
    let chain = match call {
        Call::Never => TokenStream::new(),
        _ => quote!(#(.guard(::palisade::__v1::fn_guard(#guards)))*),
    };
    let promised = quote! {
        const ROUTE: ::palisade::__v1::Route = #place;
        const POLICY: &'static ::palisade::__v1::Policy = #policy;

        fn mount(self, #mounter: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
            #inner
            #mounted #chain
        }
    };
    let arguments = types::arguments(checked);
    let deprecated = handler.attributes.iter().any(|attribute| attribute.is_builtin("deprecated"));
    let (derived, implementations) = if deprecated {
        // An `impl` of ours would be a use of what is deprecated. What a derive makes is none, to the compiler.
        (Some(quote!(#[derive(::palisade::__v1::Endpoint)] #[endpoint({ #promised } { #arguments })])), None)
    } else {
        let implementations = quote! {
            impl ::palisade::__v1::Endpoint for #name {
                #promised
            }

            ::palisade::__v1::add!(#name; #arguments);
        };
        (None, Some(implementations))
    };
    // `#[allow(..)]` does not compile in a crate that forbids the lint. The compiler does not lint the names of `repr(C)` types,
    // and a type without fields has no other layout by it.
    quote! {
        #(#outer)*
        #derived
        #[repr(C)]
        #visibility struct #name;

        #implementations
    }
}

/// What makes a deprecated type an endpoint.
pub(crate) fn implementations(name: &Ident, promised: &TokenStream, arguments: &TokenStream) -> TokenStream {
    let app = local("__app", Span::call_site());
    quote! {
        impl ::palisade::__v1::Endpoint for #name {
            #promised
        }

        impl ::palisade::__v1::HttpServiceFactory for #name {
            fn register(self, #app: &mut ::palisade::__v1::AppService) {
                ::palisade::__v1::register(self, #app);
            }
        }

        impl ::palisade::__v1::RouteArguments for #name {
            ::palisade::__v1::arguments!(#arguments);
        }
    }
}

/// `Route::get("/users")`, or the list of methods where there is more than one or a rare one.
fn place(methods: &[&str], path: &str, resource: Option<&syn::LitStr>) -> TokenStream {
    let named = resource.map(|name| quote!(.named(#name)));
    match methods {
        [method] if !matches!(*method, "TRACE" | "CONNECT") => {
            let method = format_ident!("{}", method.to_lowercase());
            quote!(::palisade::__v1::Route::#method(#path) #named)
        }
        methods => quote!(::palisade::__v1::Route::new(&[#(#methods),*], #path) #named),
    }
}

/// A function that somebody else routes: `web::get().to(..)`, or actix-web's own attribute.
fn function(checked: &Checked) -> TokenStream {
    let Checked { handler, policy, call, .. } = checked;
    let Handler { visibility, signature, .. } = handler;
    let name = &signature.ident;
    let outer = handler.attributes.iter().filter(|attribute| is_about_the_name(attribute));
    let policy = self::policy(policy, name);
    let held = local("__policy", Span::call_site());
    let inner = inner(handler);
    let [request, payload] = ["__request", "__payload"].map(|name| local(name, Span::call_site()));
    let called = local("__handler", Span::call_site());
    let answer = match call {
        Call::Never => never(),
        _ => quote!(::palisade::__v1::enforce(#held, #request, #payload, #called).await),
    };
    // A constant of its own, because `const { .. }` does not promote the lists in it; in a block of its own, because the
    // handler would see it otherwise.
    let policy = constant("__POLICY", &quote!(&::palisade::__v1::Policy), &policy);
    let policy = handler_with_checks(checked).map(|handler| quote!(let #held = #policy; let #called = #handler;));
    // In a constant, where no name of it is visible.
    let arguments = (!matches!(call, Call::Never) && !handler.arguments.is_empty()).then(|| {
        let arguments = types::arguments(checked);
        quote!(
            const _: () = {
                ::palisade::__v1::arguments!(#arguments);
            };
        )
    });
    // A constant, because an `impl` block may hold one too; not a function, because routing can't tell one from a raw handler.
    // Its name is no mistake of the user's, and lints leave alone what a macro names.
    let mut shown = name.clone();
    shown.set_span(Span::mixed_site().located_at(name.span()));
    quote! {
        #(#outer)*
        #visibility const #shown: ::palisade::__v1::Function =
            ::palisade::__v1::Function::new(|#request, #payload| ::palisade::__v1::boxed(async move {
                #inner
                #arguments
                #policy
                #answer
            }));
    }
}

/// `handler!(show_user; ..).validated(..).counted_by(..)`: the handler with the checks of its arguments. `None` if it cannot be
/// called.
fn handler_with_checks(checked: &Checked) -> Option<TokenStream> {
    let Checked { handler, call, .. } = checked;
    let (validation, fields) = match call {
        Call::Never => return None,
        Call::Direct => (None, None),
        Call::Validated(validation) => (Some(validation), None),
        Call::Counted { validation, fields } => (validation.as_ref(), Some(fields)),
    };
    let typed = types::handler(&handler.signature);
    let validated = validation.map(|validation| {
        let checks = checks(validation, &handler.arguments);
        quote!(.validated(#checks))
    });
    let counted = fields.map(|fields| {
        let keys = keys(fields, &handler.arguments);
        quote!(.counted_by(#keys))
    });
    Some(quote!(#typed #validated #counted))
}

/// The user's function, as it was but for its visibility: it is called from the next line only.
fn inner(handler: &Handler) -> TokenStream {
    let Handler { attributes, signature, body, .. } = handler;
    // Whoever uses the handler reads its documentation and is warned at its outer name; our own line is not a use.
    let attributes = attributes.iter().filter(|attribute| !is_about_the_name(attribute));
    quote!(#(#attributes)* #signature #body)
}

/// Stands where a function that can't be called would be. A `compile_error!` stands beside it.
fn never() -> TokenStream {
    quote!(::core::unreachable!())
}

/// Attributes about the item as others see it. (`cfg` never arrives: the compiler has it before any macro.)
fn is_about_the_name(attribute: &Attribute) -> bool {
    attribute.is_builtin("doc") || attribute.is_builtin("deprecated")
}

fn policy(policy: &Policy, handler: &Ident) -> TokenStream {
    let Policy { rule, reason, rate_limits, validates, compressed } = policy;
    let path = unraw(handler);
    let is_users = rule.is_users() || rate_limits.iter().any(|rate_limit| rate_limit.terms.is_users());
    let names = if is_users { Names::Whole } else { Names::Short };
    let rule = self::rule(rule, names);
    let reason = reason.as_ref().map(|reason| quote!(.because(#reason)));
    let listed = (!rate_limits.is_empty()).then(|| {
        let rate_limits = rate_limits.iter().map(|rate_limit| rate_limit::rate_limit(rate_limit, names));
        quote!(.limits(&[#(#rate_limits),*]))
    });
    let validates = match validates {
        Validates::Nothing => TokenStream::new(),
        Validates::Inputs => quote!(.validates_inputs()),
        Validates::Named(names) => {
            let names = names.iter().map(|Named { name, present }| {
                let present = arguments::under(present.as_ref());
                quote!(#present #name)
            });
            quote!(.validates(&[#(#names),*]))
        }
    };
    let compressed = compressed.map(|bytes| {
        let bytes = Literal::u64_unsuffixed(bytes);
        quote!(.compressed_body(#bytes))
    });
    let validates = quote!(#validates #compressed);
    if is_users {
        // A `use` would stand in the way of the user's own names, so every name of ours is whole.
        return quote!(&::palisade::__v1::Policy::new(#rule).of(::core::module_path!(), #path) #reason #listed #validates);
    }
    let [by, count, outage, rate_limit] = rate_limit::imports(rate_limits);
    // The names are short inside of the block, for whoever reads it; nothing of the user's stands there.
    quote! {{
        use ::palisade::__v1::{#by #count #outage Policy, #rate_limit Rule::*};
        &Policy::new(#rule).of(::core::module_path!(), #path) #reason #listed #validates
    }}
}

/// How our own names are written: short where they are imported, else whole.
#[derive(Clone, Copy)]
enum Names {
    Short,
    Whole,
}

impl Names {
    fn of(self, name: &str) -> TokenStream {
        let name = format_ident!("{name}");
        match self {
            Names::Short => quote!(#name),
            Names::Whole => quote!(::palisade::__v1::#name),
        }
    }

    fn leaf(self, name: &str) -> TokenStream {
        let name = format_ident!("{name}");
        match self {
            Names::Short => quote!(#name),
            Names::Whole => quote!(::palisade::__v1::Rule::#name),
        }
    }
}

fn rule(written: &Rule, names: Names) -> TokenStream {
    let list = |rules: &[Rule]| {
        let rules = rules.iter().map(|rule| self::rule(rule, names));
        quote!((&[#(#rules),*]))
    };
    let (kind, holds) = match written {
        Rule::Public => ("Public", TokenStream::new()),
        Rule::OptionalAuth => ("OptionalAuth", TokenStream::new()),
        Rule::Authenticated => ("Authenticated", TokenStream::new()),
        Rule::Nobody => ("Nobody", TokenStream::new()),
        Rule::Admin(_) => ("Admin", TokenStream::new()),
        Rule::Named(kind, name) => (leaf_of(*kind), named(*kind, name)),
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
    let kind = names.leaf(kind);
    quote!(#kind #holds)
}

const fn leaf_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "Role",
        Kind::Permission => "Permission",
        Kind::Scope => "Scope",
    }
}

fn named(kind: Kind, name: &Name) -> TokenStream {
    let path = match name {
        Name::Text(text) => {
            let text = text.value();
            return quote!((#text));
        }
        Name::Path(path) => path,
    };
    let place = Span::mixed_site().located_at(path.span());
    // What is wrong with the user's path is said where it stands.
    let checked = match kind {
        Kind::Permission => quote_spanned!(place=> ::palisade::__v1::permission(#path)),
        Kind::Scope => quote_spanned!(place=> ::palisade::__v1::scope(#path)),
        // A text and a role both have these bytes, and nothing else that a constant can ask them.
        Kind::Role => {
            let name = local("__name", path.span());
            quote_spanned!(place=> {
                use ::palisade::__v1::NoName as _;
                let #name = #path;
                ::palisade::__v1::role(&#name, #name.as_bytes())
            })
        }
    };
    let name = constant("__NAME", &quote!(&str), &checked);
    quote!((#name))
}

/// A constant of its own: the compiler looks into one even where nobody uses the policy.
fn constant(name: &str, ty: &TokenStream, value: &TokenStream) -> TokenStream {
    let name = local(name, Span::call_site());
    quote!({ const #name: #ty = #value; #name })
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

/// A name that no item of the user's has: a constant or a unit struct of the same name would take its place in a pattern.
fn local(name: &str, place: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(place))
}

fn unraw(name: &Ident) -> String {
    name.unraw().to_string()
}
