//! The attributes of palisade.
//!
//! Use them through the crate `palisade`, which re-exports them beside the runtime that their expansions name.
//!
//! Each attribute only adds its clause to the item's last attribute, `#[::palisade::__policy(..)]`, and leaves everything
//! else as it is. The compiler then expands the next attribute by its real path, and `__policy` after all of them. So nothing
//! is recognised by its text, order can't matter, and a renamed or qualified attribute does what it says.
//!
//! `__policy` reads the clauses (`parse`), judges them together (`check`) and prints one expansion (`emit`). Mistakes are
//! reported all at once, each where it stands and with its cure, and the handler is still emitted.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod check;
mod clause;
mod condition;
mod dependency;
mod derive;
mod emit;
mod errors;
mod item;
mod logic;
mod model;
mod parse;
mod rule;
mod suggest;
mod template;
mod text;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

macro_rules! attributes {
    ($($(#[$documentation:meta])* $word:ident;)*) => {
        /// Every attribute, by its word.
        const WORDS: &[&str] = &[$(stringify!($word)),*];
        $(
            $(#[$documentation])*
            #[proc_macro_attribute]
            pub fn $word(arguments: TokenStream, item: TokenStream) -> TokenStream {
                attribute(stringify!($word), &arguments.into(), item.into()).into()
            }
        )*
    };
}

attributes! {
    /// Routes `GET` and `HEAD` requests of a path to the handler.
    ///
    /// Takes a path template and, like actix-web's own attribute, `name = ".."`, `guard = "path::to::function"` and
    /// `wrap = "Middleware::default()"`, which stands behind the checks; the last two repeat. It demands an access
    /// attribute beside it: [`macro@public`], [`macro@authenticated`], [`macro@require_role`], [`macro@owner`],
    /// [`macro@owner_or_admin`], [`macro@authorize`] or their like.
    ///
    /// ```
    /// use actix_web::web::Path;
    /// use palisade::{get, owner_or_admin};
    ///
    /// #[get("/users/{id}", name = "user")]
    /// #[owner_or_admin(id)]
    /// async fn show_user(id: Path<u32>) -> String {
    ///     format!("user {id}")
    /// }
    /// # let _ = palisade::scope("/api").service(show_user);
    /// ```
    get;
    /// Routes `POST` requests of a path to the handler; takes what [`macro@get`] takes.
    ///
    /// ```
    /// use palisade::{post, public};
    ///
    /// #[post("/echo")]
    /// #[public]
    /// async fn echo(body: String) -> String {
    ///     body
    /// }
    /// # let _ = palisade::scope("/api").service(echo);
    /// ```
    post;
    /// Routes `PUT` requests of a path to the handler; takes what [`macro@get`] takes.
    ///
    /// ```
    /// use palisade::{authenticated, put};
    ///
    /// #[put("/motto")]
    /// #[authenticated]
    /// async fn replace_motto(motto: String) -> String {
    ///     motto
    /// }
    /// # let _ = palisade::scope("/api").service(replace_motto);
    /// ```
    put;
    /// Routes `PATCH` requests of a path to the handler; takes what [`macro@get`] takes.
    ///
    /// ```
    /// use palisade::{authenticated, patch};
    ///
    /// #[patch("/motto")]
    /// #[authenticated]
    /// async fn amend_motto(motto: String) -> String {
    ///     motto
    /// }
    /// # let _ = palisade::scope("/api").service(amend_motto);
    /// ```
    patch;
    /// Routes `DELETE` requests of a path to the handler; takes what [`macro@get`] takes.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use palisade::{delete, require_role};
    ///
    /// #[delete("/users/{id}")]
    /// #[require_role("admin")]
    /// async fn delete_user() -> HttpResponse {
    ///     HttpResponse::NoContent().finish()
    /// }
    /// # let _ = palisade::scope("/api").service(delete_user);
    /// ```
    delete;
    /// Routes `HEAD` requests of a path to the handler; takes what [`macro@get`] takes.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use palisade::{head, public};
    ///
    /// #[head("/alive")]
    /// #[public]
    /// async fn alive() -> HttpResponse {
    ///     HttpResponse::Ok().finish()
    /// }
    /// # let _ = palisade::scope("/api").service(alive);
    /// ```
    head;
    /// Routes `OPTIONS` requests of a path to the handler; takes what [`macro@get`] takes.
    ///
    /// Preflight requests of CORS never arrive there: they are answered before any route.
    ///
    /// ```
    /// use palisade::{options, public};
    ///
    /// #[options("/users")]
    /// #[public]
    /// async fn what_users_can_do() -> &'static str {
    ///     "GET, POST"
    /// }
    /// # let _ = palisade::scope("/api").service(what_users_can_do);
    /// ```
    options;
    /// Routes requests of several methods to the handler; takes what [`macro@get`] takes, and `method = ".."` once or more.
    ///
    /// ```
    /// use palisade::{authenticated, route};
    ///
    /// #[route("/motto", method = "PUT", method = "PATCH")]
    /// #[authenticated]
    /// async fn set_motto(motto: String) -> String {
    ///     motto
    /// }
    /// # let _ = palisade::scope("/api").service(set_motto);
    /// ```
    route;
    /// Lets anyone call, and does not look at credentials. The optional reason stands in the policy.
    ///
    /// ```
    /// use palisade::{get, public};
    ///
    /// #[get("/health")]
    /// #[public("the load balancer has no credentials")]
    /// async fn health() -> &'static str {
    ///     "ok"
    /// }
    /// # let _ = palisade::scope("/api").service(health);
    /// ```
    public;
    /// Lets any principal call; a request without one is 401.
    ///
    /// ```
    /// use palisade::{Principal, authenticated, get};
    ///
    /// #[get("/me")]
    /// #[authenticated]
    /// async fn me(principal: Principal) -> String {
    ///     principal.subject().to_owned()
    /// }
    /// # let _ = palisade::scope("/api").service(me);
    /// ```
    authenticated;
    /// Lets anyone call, but refuses credentials that are not good with 401.
    ///
    /// ```
    /// use palisade::{Principal, get, optional_auth};
    ///
    /// #[get("/greeting")]
    /// #[optional_auth]
    /// async fn greeting(caller: Option<Principal>) -> String {
    ///     format!("hello, {}", caller.as_ref().map_or("stranger", Principal::subject))
    /// }
    /// # let _ = palisade::scope("/api").service(greeting);
    /// ```
    optional_auth;
    /// Closes a route for everybody, with 403. The reason stands in the policy table.
    ///
    /// It is a switch: the other access attributes may stay, and say nothing while it is there.
    ///
    /// ```
    /// use palisade::{deny_all, post, require_role};
    ///
    /// #[post("/transfers")]
    /// #[deny_all("until the audit is done")]
    /// #[require_role("teller")]
    /// async fn transfer() -> &'static str {
    ///     "transferred"
    /// }
    /// # let _ = palisade::scope("/api").service(transfer);
    /// ```
    deny_all;
    /// Lets a principal call that has the role, or any of several roles; others are 403.
    ///
    /// `all("a", "b")` demands all of them. A role is a name, a constant `&str`, or a variant of an enum with
    /// [`derive(Role)`](derive@Role): a misspelt one does not compile then. Two such attributes demand both. So do any two
    /// access attributes.
    ///
    /// ```
    /// use palisade::{get, require_role};
    ///
    /// const ADMIN: &str = "admin";
    ///
    /// #[get("/reports")]
    /// #[require_role("auditor", ADMIN)]
    /// async fn reports() -> &'static str {
    ///     "all is well"
    /// }
    /// # let _ = palisade::scope("/api").service(reports);
    /// ```
    require_role;
    /// Lets a principal call to whom a role grants the permission, or any of several; `all(..)` demands all; others are 403.
    ///
    /// Roles grant permissions in the vocabulary that is given to `Palisade::builder().roles(..)`. A permission is a name, or a
    /// constant `&str`.
    ///
    /// ```
    /// use palisade::{delete, require_permission};
    ///
    /// #[delete("/users/{id}")]
    /// #[require_permission("users:delete")]
    /// async fn delete_user() -> &'static str {
    ///     "gone"
    /// }
    /// # let _ = palisade::scope("/api").service(delete_user);
    /// ```
    require_permission;
    /// Lets a principal call whose credential carries the scope, or any of several; `all(..)` demands all; others are 403
    /// with a challenge that names what is missing (RFC 6750 §3.1, `insufficient_scope`). A scope is a name, or a constant `&str`.
    ///
    /// ```
    /// use palisade::{post, require_scope};
    ///
    /// #[post("/orders")]
    /// #[require_scope("orders:write")]
    /// async fn order() -> &'static str {
    ///     "ordered"
    /// }
    /// # let _ = palisade::scope("/api").service(order);
    /// ```
    require_scope;
    /// Lets a principal call whose tenant equals the path parameter, whatever its roles; others are 403.
    ///
    /// To let a role cross, say so: `#[authorize(tenant(org) || role("operator"))]`.
    ///
    /// ```
    /// use palisade::{get, require_role, tenant};
    ///
    /// #[get("/orgs/{org}/invoices")]
    /// #[tenant(org)]
    /// #[require_role("accountant")]
    /// async fn invoices() -> &'static str {
    ///     "of this organisation"
    /// }
    /// # let _ = palisade::scope("/api").service(invoices);
    /// ```
    tenant;
    #[doc = include_str!("../docs/authorize.md")]
    authorize;
    #[doc = include_str!("../docs/owner.md")]
    owner;
    /// Lets the principal call whose subject equals the path parameter, or one with the role `admin`; others are 403.
    ///
    /// Takes the options of [`macro@owner`]. `PalisadeBuilder::admin_role` gives administrators another role.
    ///
    /// ```
    /// use actix_web::web::Path;
    /// use palisade::{delete, owner_or_admin};
    ///
    /// #[delete("/users/{id}/sessions")]
    /// #[owner_or_admin(id)]
    /// async fn sign_out(id: Path<String>) -> String {
    ///     format!("{id} is signed out")
    /// }
    /// # let _ = palisade::scope("/api").service(sign_out);
    /// ```
    owner_or_admin;
    #[doc = include_str!("../docs/rate_limit.md")]
    rate_limit;
    /// Validates the input before the handler sees it; input that does not pass is 422.
    ///
    /// Bare, it is about every `Json`, `Form` and `Query` argument. With names, it is about the arguments of those names,
    /// also `Path` ones. What can't be validated does not compile. An argument that a `#[cfg(..)]` takes away is not validated,
    /// and shifts no other.
    ///
    /// ```
    /// use actix_web::web::Json;
    /// use palisade::{post, public, validate};
    ///
    /// #[derive(serde::Deserialize, validator::Validate)]
    /// struct Note {
    ///     #[validate(length(min = 1, max = 200))]
    ///     text: String,
    /// }
    ///
    /// #[post("/notes")]
    /// #[public]
    /// #[validate]
    /// async fn add_note(note: Json<Note>) -> String {
    ///     note.into_inner().text
    /// }
    /// # let _ = palisade::scope("/api").service(add_note);
    /// ```
    validate;
    #[doc = include_str!("../docs/compressed_body.md")]
    compressed_body;
}

#[doc = include_str!("../docs/role.md")]
#[proc_macro_derive(Role, attributes(implies, grants, role))]
pub fn role(item: TokenStream) -> TokenStream {
    dependency::mistake().unwrap_or_else(|| derive::role(item.into())).into()
}

/// Makes a deprecated handler an endpoint. The route attributes write it, nobody else does.
#[doc(hidden)]
#[proc_macro_derive(__Endpoint, attributes(endpoint))]
pub fn __endpoint(item: TokenStream) -> TokenStream {
    derive::endpoint(item.into()).into()
}

/// The clauses of one handler. The other attributes write it, nobody else does.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __policy(clauses: TokenStream, item: TokenStream) -> TokenStream {
    expand(clauses.into(), item.into()).into()
}

/// The item with its clause. Without palisade under its name it stays as it is: then the program does not compile.
fn attribute(
    word: &str,
    arguments: &proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    match dependency::mistake() {
        Some(mistake) => mistake.into_iter().chain(item).collect(),
        None => clause::append(&clause::word(word), arguments, item),
    }
}

/// The item, guarded, behind its mistakes. An item that can't be a handler stays as it is.
fn expand(clauses: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let mut errors = errors::Errors::new();
    let expansion = match item::read(item.clone(), &mut errors) {
        Some(handler) => {
            let clauses = parse::clauses(clauses, &mut errors);
            emit::emit(&check::check(model::Written { handler, clauses }, &mut errors))
        }
        None => item,
    };
    let mut tokens = errors.into_tokens();
    tokens.extend(expansion);
    tokens
}
