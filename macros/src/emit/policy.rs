//! The policy of a handler as a constant.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::rule;
use crate::attributes::ATTRIBUTES;
use crate::hygiene::Names;
use crate::policy::{AccessPolicy, Policy};

/// `&Policy::new(Owner("id")).of(module_path!(), "show_user")`, followed by the additions of the attributes.
pub(super) fn policy(policy: &Policy, handler: &Ident) -> TokenStream {
    let Policy { access, additions } = policy;
    let mut names = if policy.has_user_path() { Names::whole() } else { Names::short() };
    let (rule, reason) = match access {
        AccessPolicy::Public(reason) => (names.rule("Public"), reason.as_ref()),
        AccessPolicy::OptionalAuth => (names.rule("OptionalAuth"), None),
        AccessPolicy::DenyAll(reason) => (names.rule("Nobody"), Some(reason)),
        AccessPolicy::Rule(rule) => (rule::rule(rule, &names), None),
    };
    let reason = reason.map(|reason| quote!(.with_reason(#reason)));
    let added: Vec<TokenStream> = ATTRIBUTES.iter().map(|attribute| attribute.emit(additions, &mut names)).collect();
    finish(names, handler, &rule, &quote!(#reason #(#added)*))
}

/// The policy of a handler that does not compile. It rejects every caller.
pub(super) fn deny_all(handler: &Ident) -> TokenStream {
    let names = Names::short();
    let rule = names.rule("Nobody");
    finish(names, handler, &rule, &TokenStream::new())
}

fn finish(mut names: Names, handler: &Ident, rule: &TokenStream, calls: &TokenStream) -> TokenStream {
    let handler = handler.unraw().to_string();
    let policy = names.of("Policy");
    let policy = quote!(&#policy::new(#rule).of(::core::module_path!(), #handler) #calls);
    if !names.are_short() {
        return policy;
    }
    let imports = names.imports();
    // Names are short inside of the block, which is easier to read. This is safe, because the block contains no names of the user.
    quote! {{
        use ::palisade::__v1::{#(#imports,)* Rule::*};
        #policy
    }}
}
