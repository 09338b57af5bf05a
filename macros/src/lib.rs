//! The attributes of palisade.
//!
//! Use them through the crate `palisade`, which re-exports them with the runtime that their expansion names.
//!
//! Each attribute only appends its clause to a trailing `#[::palisade::__policy(..)]` and leaves the rest of the item as it
//! is. The compiler expands the next attribute by its real path; `__policy`, last, sees all clauses and expands once. So
//! nothing is recognised by its text, and neither order nor renaming matters.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod check;
mod clause;
mod emit;
mod errors;
mod item;
mod model;
mod parse;
mod suggest;
mod template;
mod window;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

macro_rules! attributes {
    ($($(#[$docs:meta])* $word:ident)*) => {$(
        $(#[$docs])*
        #[proc_macro_attribute]
        pub fn $word(arguments: TokenStream, item: TokenStream) -> TokenStream {
            clause::append(stringify!($word), arguments.into(), item.into()).into()
        }
    )*};
}

attributes! {
    /// `#[get("/users/{id}")]`: the route, as with actix-web's own attribute (`name`, `guard`, `wrap`). It answers `HEAD` too.
    /// Demands an access attribute beside it.
    get
    /// `#[post("/users")]`: see [`macro@get`].
    post
    /// `#[put("/users/{id}")]`: see [`macro@get`].
    put
    /// `#[patch("/users/{id}")]`: see [`macro@get`].
    patch
    /// `#[delete("/users/{id}")]`: see [`macro@get`].
    delete
    /// `#[head("/users")]`: see [`macro@get`].
    head
    /// `#[options("/users")]`: see [`macro@get`].
    options
    /// `#[route("/users", method = "GET", method = "POST")]`: a route of several methods; see [`macro@get`].
    route
    /// `#[public]`, `#[public("why")]`: anyone may call; credentials are not looked at. The reason is kept in the policy.
    public
    /// `#[authenticated]`: any principal may call; a request without one is 401.
    authenticated
    /// `#[require_role("admin")]`: a principal with that role; several names mean any of them. Otherwise 403.
    require_role
    /// `#[owner(id)]`: the principal whose subject equals the path parameter `id`. Otherwise 403.
    owner
    /// `#[owner_or_admin(id)]`: as [`macro@owner`], or a principal with the role `admin`.
    owner_or_admin
    /// `#[rate_limit(5, "15m")]`: never more than 5 requests of one client in any window of 15 minutes; otherwise 429.
    ///
    /// Options: `by = ip` (default) or `by = principal`; `count = all` (default) or `count = failures` (also written
    /// `skip_successful`); `name = "login"` shares one bucket between handlers. Windows: `30s`, `15m`, `15 minutes`, `2h`, `1d`.
    /// Repeatable.
    rate_limit
    /// `#[validate]`: every `Json`, `Form` and `Query` argument is validated before the handler is called; otherwise 422.
    /// `#[validate(a, b)]` names the arguments instead, also `Path` ones. What can't be validated does not compile.
    validate
}

/// The clauses of one handler, gathered. Written by the other attributes, never by hand.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __policy(clauses: TokenStream, item: TokenStream) -> TokenStream {
    expand(clauses.into(), item.into()).into()
}

/// Written, checked, emitted.
fn expand(clauses: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let mut errors = errors::Errors::new();
    let expansion = match item::parse(item.clone(), &mut errors) {
        None => item,
        Some(handler) => {
            let written = parse::clauses(clauses, &mut errors);
            let checked = check::check(written, handler, &mut errors);
            emit::emit(&checked)
        }
    };
    errors.before(expansion)
}
