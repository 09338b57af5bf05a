//! Emits the expansion. Emission cannot fail, because everything was checked before.
//!
//! Each path is absolute, so that the user's items cannot shadow palisade's. The handler becomes an item inside of a function, so
//! that the generated names are not in its scope.

mod arguments;
mod generic;
mod policy;
mod rule;
mod types;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, LitStr, Path, Visibility};

use self::arguments::{checks, keys};
use self::generic::TypeParameters;
use crate::gather::OuterAttribute;
use crate::hygiene::{Names, constant, local};
use crate::item::{Fitness, Handler};
use crate::policy::{Additions, CheckedHandler, RejectedHandler};
use crate::rule::Rule;

/// A handler whose attributes have no mistake.
pub(crate) fn checked(checked: &CheckedHandler) -> TokenStream {
    let CheckedHandler { handler, route, policy } = checked;
    let expansion = Expansion {
        handler,
        policy: policy::policy(policy, &handler.signature.ident),
        arguments: types::arguments(checked),
        call: Some(&policy.additions),
    };
    match route {
        None => expansion.function(),
        Some(route) => {
            let location = location(&route.methods, &route.path.value(), route.name.as_ref());
            expansion.endpoint(&location, &route.guards, &route.wraps)
        }
    }
}

/// A handler with a mistake. `compile_error!`s are emitted beside it, so it never runs.
///
/// The handler keeps its name and is still registered like any other, so that one mistake is one message. The compiler still
/// checks the types of its arguments if it can be a handler at all.
pub(crate) fn rejected(rejected: &RejectedHandler) -> TokenStream {
    let RejectedHandler { handler, has_route } = rejected;
    let none = Additions::default();
    let fits = handler.fitness == Fitness::Fit;
    let expansion = Expansion {
        handler,
        policy: policy::deny_all(&handler.signature.ident),
        arguments: types::arguments_of_rejected(handler),
        call: fits.then_some(&none),
    };
    if *has_route { expansion.endpoint(&location(&["GET"], "", None), &[], &[]) } else { expansion.function() }
}

/// A rule as a constant expression. Without a rule, it admits nobody.
pub(crate) fn constant_rule(written: Option<&Rule>) -> TokenStream {
    let names = Names::whole();
    let rule = written.map_or_else(|| names.rule("Nobody"), |written| rule::rule(written, &names));
    constant("__RULE", &quote!(::palisade::__v1::Rule), &rule)
}

/// The parts of an expansion that do not depend on who routes the handler.
struct Expansion<'a> {
    handler: &'a Handler,
    /// `&'static Policy`
    policy: TokenStream,
    /// The compile-time checks of the argument types.
    arguments: TokenStream,
    /// The handler with the checks of its arguments, which run after the policy. `None` if the function cannot be called.
    call: Option<&'a Additions>,
}

impl Expansion<'_> {
    /// A route of palisade's own: a type that carries its policy.
    fn endpoint(&self, location: &TokenStream, guards: &[Path], wraps: &[Expr]) -> TokenStream {
        let Self { handler, policy, arguments, .. } = self;
        let Handler { visibility, signature, .. } = handler;
        let name = &signature.ident;
        let outer = handler.attributes.iter().filter(|attribute| is_about_the_name(attribute));
        let inner = inner(handler);
        let mounter = local("__at", Span::call_site());
        let mounted = match self.handler_with_checks() {
            None => quote!(#mounter.never()),
            Some(handler) if wraps.is_empty() => quote!(#handler.mount(#mounter)),
            // The checks run before the route's own middleware, so the handler is mounted inside of it.
            Some(handler) => {
                let route = local("__route", Span::call_site());
                quote!(#mounter.around(|#mounter| #handler.mount(#mounter), |#route| #route #(.wrap(#wraps))*))
            }
        };
        let guards = (!guards.is_empty()).then(|| {
            quote! {
                fn guards() -> ::palisade::__v1::Guards {
                    ::palisade::__v1::Guards::default() #(.and(#guards))*
                }
            }
        });
        let members = quote! {
            const ROUTE: ::palisade::__v1::Route = #location;
            const POLICY: &'static ::palisade::__v1::Policy = #policy;

            #guards

            fn mount(self, #mounter: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
                #inner
                #mounted
            }
        };
        if let Some(parameters) = TypeParameters::of(&signature.generics) {
            let TypeParameters { declared, used, bounds, .. } = &parameters;
            let structure = parameters.structure(name);
            return quote! {
                #(#outer)*
                #visibility fn #name #declared() -> impl ::palisade::__v1::Endpoint + ::palisade::__v1::HttpServiceFactory #bounds {
                    #structure

                    impl #declared ::palisade::__v1::Endpoint for #name #used #bounds {
                        #members
                    }

                    ::palisade::__v1::add!([#declared] [#name #used] [#bounds]; #arguments);
                    #name::#used(::core::marker::PhantomData)
                }
            };
        }
        let deprecated = handler.attributes.iter().any(|attribute| attribute.is_builtin("deprecated"));
        let (derived, implementations) = if deprecated {
            // An emitted `impl` would be linted as a use of the deprecated type. The code of a derive is not.
            (Some(quote!(#[derive(::palisade::__v1::Endpoint)] #[endpoint({ #members } { #arguments })])), None)
        } else {
            let implementations = quote! {
                impl ::palisade::__v1::Endpoint for #name {
                    #members
                }

                ::palisade::__v1::add!(#name; #arguments);
            };
            (None, Some(implementations))
        };
        // As with actix-web's attributes, another module can mount a private handler. `pub` would make it a public item, which may
        // need documentation.
        let mounted_from = match visibility {
            Visibility::Inherited => quote!(pub(crate)),
            declared => declared.to_token_stream(),
        };
        // `#[allow(..)]` does not compile in a crate that forbids the lint. The compiler does not lint the names of `repr(C)`
        // types, and `repr(C)` does not change a type without fields.
        quote! {
            #(#outer)*
            #derived
            #[repr(C)]
            #mounted_from struct #name;

            #implementations
        }
    }

    /// A function that palisade does not route: `web::get().to(..)` or an attribute of actix-web does.
    fn function(&self) -> TokenStream {
        let Self { handler, policy, arguments, call } = self;
        let Handler { visibility, signature, .. } = handler;
        let name = &signature.ident;
        let outer = handler.attributes.iter().filter(|attribute| is_about_the_name(attribute));
        let inner = inner(handler);
        let [request, payload, held, called] =
            ["__request", "__payload", "__policy", "__handler"].map(|name| local(name, Span::call_site()));
        let answer = match call {
            None => quote!(::core::unreachable!()),
            Some(_) => quote!(::palisade::__v1::enforce(#held, #request, #payload, #called).await),
        };
        let handled = self.handler_with_checks().map(|handler| quote!(let #called = #handler;));
        let has_arguments = call.is_some() && !handler.arguments.is_empty();
        let function = |policy: &TokenStream, arguments: Option<&TokenStream>| {
            quote! {
                ::palisade::__v1::Function::new(#policy, |#held, #request, #payload| ::palisade::__v1::boxed(async move {
                    #inner
                    #arguments
                    #handled
                    #answer
                }))
            }
        };
        if let Some(parameters) = TypeParameters::of(&signature.generics) {
            let TypeParameters { declared, used, bounds, .. } = &parameters;
            let structure = parameters.structure(name);
            let arguments = has_arguments.then(|| {
                quote! {
                    impl #declared ::palisade::__v1::RouteArguments for #name #used #bounds {
                        ::palisade::__v1::arguments!(#arguments);
                    }
                }
            });
            let function = function(&quote!(#name::#used::POLICY), None);
            return quote! {
                #(#outer)*
                #visibility fn #name #declared() -> ::palisade::__v1::Function #bounds {
                    #structure

                    impl #declared #name #used #bounds {
                        const POLICY: &'static ::palisade::__v1::Policy = #policy;
                    }

                    #arguments
                    #function
                }
            };
        }
        // The policy is a constant of its own, because `const { .. }` does not promote the lists in it. The constant is in a block
        // of its own, so that the handler does not see it.
        let policy = constant("__POLICY", &quote!(&::palisade::__v1::Policy), policy);
        // In a constant, so that its names are not in the handler's scope.
        let arguments = has_arguments.then(|| {
            quote!(
                const _: () = {
                    ::palisade::__v1::arguments!(#arguments);
                };
            )
        });
        let function = function(&policy, arguments.as_ref());
        // It becomes a constant, because an `impl` block may hold one too. It is not a function, because routing could not tell a
        // function from a handler without a policy. The span keeps lints about the name of a constant away from the user.
        let mut shown = name.clone();
        shown.set_span(Span::mixed_site().located_at(name.span()));
        quote! {
            #(#outer)*
            #visibility const #shown: ::palisade::__v1::Function = #function;
        }
    }

    /// `handler!(show_user; ..).validated(..).counted_by(..)`: the handler with the checks of its arguments. `None` if it cannot
    /// be called.
    fn handler_with_checks(&self) -> Option<TokenStream> {
        let Closures { checks, keys } = self.closures(self.call?);
        let handler = types::handler(&self.handler.signature);
        // The compiler reports at the attribute that no argument is validated.
        let attribute = self.call?.validation.as_ref().map_or(Span::call_site(), |validation| validation.attribute);
        let span = Span::mixed_site().located_at(attribute);
        let validated = checks.map(|checks| quote_spanned!(span=> .validated(#checks)));
        let counted = keys.map(|keys| quote!(.counted_by(#keys)));
        Some(quote!(#handler #validated #counted))
    }

    fn closures(&self, additions: &Additions) -> Closures {
        let arguments = &self.handler.arguments;
        let Additions { validation, counted_fields, .. } = additions;
        Closures {
            checks: validation
                .as_ref()
                .filter(|validation| validation.reads_any())
                .map(|validation| checks(validation, arguments)),
            keys: (!counted_fields.is_empty()).then(|| keys(counted_fields, arguments)),
        }
    }
}

/// The closures that read the arguments before the handler runs.
struct Closures {
    /// Validates them.
    checks: Option<TokenStream>,
    /// Takes the keys of rate limits from them.
    keys: Option<TokenStream>,
}

/// The implementations for a deprecated endpoint.
pub(crate) fn implementations(name: &Ident, members: &TokenStream, arguments: &TokenStream) -> TokenStream {
    let app = local("__app", Span::call_site());
    quote! {
        impl ::palisade::__v1::Endpoint for #name {
            #members
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

/// `Route::get("/users")`, or a list of methods if there are several, or one without a function of its own.
fn location(methods: &[&str], path: &str, name: Option<&LitStr>) -> TokenStream {
    let named = name.map(|name| quote!(.named(#name)));
    match methods {
        [method] if !matches!(*method, "TRACE" | "CONNECT") => {
            let method = format_ident!("{}", method.to_lowercase());
            quote!(::palisade::__v1::Route::#method(#path) #named)
        }
        methods => quote!(::palisade::__v1::Route::new(&[#(#methods),*], #path) #named),
    }
}

/// The user's function. Only its visibility is changed.
fn inner(handler: &Handler) -> TokenStream {
    let Handler { attributes, signature, body, .. } = handler;
    // Documentation and deprecation belong to the outer name. The generated call of the function must not cause a warning.
    let attributes = attributes.iter().filter(|attribute| !is_about_the_name(attribute));
    quote!(#(#attributes)* #signature #body)
}

/// Whether the attribute belongs to the outer name of the item. (`cfg` is handled by the compiler before any macro.)
fn is_about_the_name(attribute: &OuterAttribute) -> bool {
    attribute.is_builtin("doc") || attribute.is_builtin("deprecated")
}
