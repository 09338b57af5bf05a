//! Secures actix-web APIs by declaration: attributes above a handler say who may call it, how often and with what input.
//!
//! ```
//! use actix_web::{App, web::Json};
//! use palisade::{Jwt, Palisade, get, owner_or_admin, post, public, rate_limit, validate};
//! use serde::Deserialize;
//! use validator::Validate;
//!
//! #[derive(Deserialize, Validate)]
//! #[serde(deny_unknown_fields)]
//! struct Credentials {
//!     #[validate(email)]
//!     email: String,
//!     #[validate(length(min = 8, max = 128))]
//!     password: String,
//! }
//!
//! #[post("/login")]
//! #[public]
//! #[rate_limit(5, "15m", count = failures)]
//! #[validate]
//! async fn login(body: Json<Credentials>) -> String {
//!     format!("welcome, {}", body.email)
//! }
//!
//! #[get("/users/{id}")]
//! #[owner_or_admin(id)]
//! async fn show_user(id: actix_web::web::Path<String>) -> String {
//!     id.into_inner()
//! }
//!
//! # fn main() -> Result<(), palisade::ConfigError> {
//! let secret = b"at least 32 bytes, from a file or the environment";
//! let palisade = Palisade::builder()
//!     .authenticator(Jwt::hs256("https://issuer.example", "my-api", secret)?)
//!     .build()?;
//! let app = App::new()
//!     .service(palisade::scope("/api").service(login).service(show_user))
//!     .wrap(palisade);
//! # Ok(()) }
//! ```
//!
//! Each attribute states a clause; the macros gather the clauses of one handler into a [`Policy`], plain constant data;
//! one function of this crate runs the checks in a fixed order and then calls the handler. A handler that says not who
//! may call it does not compile.
//!
//! # Under another name
//!
//! What the attributes write calls this crate `::palisade`. Where Cargo.toml gives it another name, or another crate
//! hands it on, say so once, at the top of the crate's root:
//!
//! ```ignore
//! extern crate guard as palisade; // guard = { package = "palisade", .. }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod api_key;
mod app;
mod audit;
pub mod authn;
mod authz;
mod body;
mod builder;
mod config_error;
pub mod cors;
mod deferring;
mod denial;
mod dry_run;
mod endpoint;
mod extraction_errors;
mod extractors;
mod failure;
mod function;
mod gate;
mod guard;
mod handler_path;
pub mod headers;
pub mod jwt;
mod middleware;
#[cfg(feature = "password")]
pub mod password;
pub mod policy;
pub mod policy_table;
pub mod principal;
pub mod problem;
pub mod proxy;
pub mod rate_limit;
pub mod rate_limiter;
mod reached;
mod refusal_response;
mod request_sanity;
mod reservations;
pub mod resource;
pub mod revocation;
pub mod role;
mod scope;
pub mod session;
mod settings;
mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod unavailable;
pub mod validation;

pub use self::authn::Authenticator;
pub use self::body::BodyTimeouts;
pub use self::builder::{Palisade, PalisadeBuilder};
pub use self::config_error::ConfigError;
pub use self::cors::Cors;
pub use self::deferring::{Deferring, deferring};
pub use self::endpoint::Endpoint;
pub use self::extractors::{Claims, Owned, RowFilter};
pub use self::headers::SecurityHeaders;
pub use self::jwt::Jwt;
pub use self::policy::Policy;
pub use self::policy_table::PolicyTable;
pub use self::principal::Principal;
pub use self::problem::Problem;
pub use self::rate_limit::RateLimit;
pub use self::rate_limiter::RateLimiter;
pub use self::resource::Resource;
pub use self::role::Roles;
pub use self::scope::{Guarded, Scope, scope};
pub use palisade_macros::{
    Role, authenticated, authorize, compressed_body, delete, deny_all, get, head, optional_auth, options, owner,
    owner_or_admin, patch, post, public, put, rate_limit, require_permission, require_role, require_scope, route,
    tenant, validate,
};

#[doc(hidden)]
pub use palisade_macros::__policy;

/// All that generated code names, for exactly one version of the macros.
#[doc(hidden)]
pub mod __v1 {
    pub use crate::endpoint::arguments::*;
    pub use crate::endpoint::{Endpoint, Mounter, fn_guard, register};
    pub use crate::function::{Function, boxed, enforce};
    pub use crate::jwt::{Set, Unset};
    pub use crate::policy::constant::{NoName, cost, limit, permission, role, scope};
    pub use crate::policy::{Check, Ownership, Policy, Route, Rule, pending};
    pub use crate::rate_limit::{By, Count, FieldKeys, KeyFn, OnStoreFailure, RateLimit, pending_key};
    pub use crate::role::{RoleDefinition, TypedRole};
    pub use crate::validation::{Checks, Listed, With};
    pub use crate::{__arguments as arguments, __handler as handler, __register as add};
    pub use actix_web::Route as MountedRoute;
    pub use actix_web::dev::{AppService, HttpServiceFactory};
    pub use actix_web::web::Payload;
    pub use actix_web::{HttpRequest, HttpResponse};
    pub use palisade_macros::__Endpoint as Endpoint;
}
