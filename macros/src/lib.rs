//! The attributes of palisade.
//!
//! Use them through the crate `palisade`, which re-exports them beside the runtime that their expansions call.
//!
//! How one handler is expanded:
//!
//! 1. `gather`: each attribute only adds its clause to the item's last attribute, `#[::palisade::__policy(..)]`, and changes
//!    nothing else. The compiler resolves each attribute by its real path, so an attribute may be renamed or qualified, and
//!    their order does not matter.
//! 2. `item` reads the function, and `attributes` parses the clauses. Each is understood on its own: the written model.
//! 3. `attributes` checks the clauses together, and `raw_sql` the body. The result is the checked model, in `policy`.
//! 4. `emit` prints the checked model. It cannot fail.
//!
//! All mistakes are reported at once, each where it is written and with a help text. The handler is still emitted, so that one
//! mistake is one message.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod access;
mod arguments;
mod attributes;
mod cfg_predicate;
mod dependency;
mod derive;
mod diagnostics;
mod emit;
mod expand;
mod gather;
mod hygiene;
mod item;
mod logic;
mod policy;
mod raw_sql;
mod rule;
mod sql;
mod suggest;
mod template;
mod text;
mod user_path;
mod web_origin;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

macro_rules! attributes {
    ($($documentation:literal $keyword:ident)*) => {
        /// Every exported attribute, by its keyword.
        #[cfg(test)]
        const EXPORTED: &[&str] = &[$(stringify!($keyword)),*];
        $(
            #[doc = include_str!($documentation)]
            #[proc_macro_attribute]
            pub fn $keyword(arguments: TokenStream, item: TokenStream) -> TokenStream {
                expand::attribute(stringify!($keyword), &arguments.into(), item.into()).into()
            }
        )*
    };
}

// Each attribute has its documentation in `docs` and its implementation in `attributes`.
attributes! {
    "../docs/get.md" get
    "../docs/post.md" post
    "../docs/put.md" put
    "../docs/patch.md" patch
    "../docs/delete.md" delete
    "../docs/head.md" head
    "../docs/options.md" options
    "../docs/route.md" route
    "../docs/public.md" public
    "../docs/authenticated.md" authenticated
    "../docs/optional_auth.md" optional_auth
    "../docs/deny_all.md" deny_all
    "../docs/require_role.md" require_role
    "../docs/require_permission.md" require_permission
    "../docs/require_scope.md" require_scope
    "../docs/require_proof.md" require_proof
    "../docs/step_up.md" step_up
    "../docs/tenant.md" tenant
    "../docs/authorize.md" authorize
    "../docs/owner.md" owner
    "../docs/owner_or_admin.md" owner_or_admin
    "../docs/rate_limit.md" rate_limit
    "../docs/timeout.md" timeout
    "../docs/concurrency.md" concurrency
    "../docs/validate.md" validate
    "../docs/body_limit.md" body_limit
    "../docs/compressed_body.md" compressed_body
    "../docs/headers.md" headers
    "../docs/allow_raw_sql.md" allow_raw_sql
    "../docs/cors.md" cors
    "../docs/allow_cross_site.md" allow_cross_site
}

#[doc = include_str!("../docs/role.md")]
#[proc_macro_derive(Role, attributes(implies, grants, role))]
pub fn role(item: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| derive::role(item.into())).into()
}

#[doc = include_str!("../docs/rule.md")]
#[proc_macro]
pub fn rule(expression: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| expand::rule(expression.into())).into()
}

#[doc = include_str!("../docs/origin.md")]
#[proc_macro]
pub fn origin(text: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| expand::origin(text.into())).into()
}

#[doc = include_str!("../docs/sql.md")]
#[proc_macro]
pub fn sql(arguments: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| sql::expand(arguments.into())).into()
}

/// The names that a statement of [`sql!`](macro@crate::sql) may contain, as an enum: see the trait of the same name.
#[proc_macro_derive(SqlIdentifier, attributes(sql))]
pub fn sql_identifier(item: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| derive::sql_identifier(item.into())).into()
}

#[doc = include_str!("../docs/extractor.md")]
#[proc_macro_derive(Extractor)]
pub fn extractor(item: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| derive::extractor(item.into())).into()
}

/// Makes a deprecated handler an endpoint. Only the expansion of a route attribute contains it.
#[doc(hidden)]
#[proc_macro_derive(__Endpoint, attributes(endpoint))]
pub fn __endpoint(item: TokenStream) -> TokenStream {
    derive::endpoint(item.into()).into()
}

/// The clauses of one handler. Only the other attributes write it.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __policy(clauses: TokenStream, item: TokenStream) -> TokenStream {
    expand::policy(clauses.into(), item.into()).into()
}
