//! Secures actix-web APIs by declaration: attributes above a handler state who may call it, how often, and with what input.
//!
//! A handler that does not state who may call it does not compile. The attributes of one handler become a [`Policy`], which is
//! constant data: the middleware enforces it, and [`Palisade::policies`] prints it.
//!
//! # Getting started
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
//! The [guide] has a page for each theme; start with [getting started](guide::getting_started).
//!
//! Each route needs one access attribute. [`Palisade`] is the middleware: make it the outermost `wrap` of the `App`. Routes go
//! into a [`scope`](crate::scope()), which can add requirements to all its routes.
//!
//! # Attributes
//!
//! | Attribute | Meaning |
//! |---|---|
//! | [`get`], [`post`], [`put`], [`patch`], [`delete`], [`head`], [`options`], [`route`] | method and path |
//! | [`public`], [`optional_auth`], [`authenticated`], [`deny_all`] | everyone may call it; everyone, and credentials are checked if present; each authenticated caller; no one |
//! | [`require_role`], [`require_permission`], [`require_scope`] | the caller must have a role, a permission, a scope of the token |
//! | [`require_proof`], [`step_up`] | the credential must be bound to a key of the caller; the login must be strong or recent |
//! | [`owner`], [`owner_or_admin`], [`tenant`] | the caller must own the resource, or belong to its tenant |
//! | [`authorize`] | an expression of these, and predicates of your own |
//! | [`rate_limit`](macro@rate_limit) | at most N requests in each window, for each client |
//! | [`timeout`](macro@timeout) | how long the handler may take |
//! | [`concurrency`](macro@concurrency) | how many requests may be inside of the handler at once |
//! | [`validate`] | the input is validated before the handler is called |
//! | [`body_limit`] | the maximum size of the body |
//! | [`compressed_body`] | compressed bodies are accepted, up to a size |
//! | [`headers`](macro@headers) | other security headers for browsers |
//! | [`allow_raw_sql`] | the handler may contain SQL that is not a literal |
//! | [`cors`](macro@cors) | the origins whose pages may read the response |
//! | [`allow_cross_site`] | pages of other sites may cause requests with the credential of their user |
//! | [`origin!`](macro@origin) | (macro) an origin that is checked at build time |
//! | [`rule!`](macro@rule) | (macro) a constant rule that several routes and scopes share |
//! | `sql!` | (macro) an SQL statement whose values are parameters, with the feature `sqlx` |
//! | [`Extractor`](derive@Extractor) | (derive) an argument of your own that carries no input, beside [`validate`] |
//! | [`Role`](derive@Role) | (derive) an enum of roles, with the roles that they imply and the permissions that they grant |
//!
//! # Modules
//!
//! | Authentication | Authorization | Rate limits and network | Tools |
//! |---|---|---|---|
//! | [`jwt`]: tokens, verified and issued | [`role`]: the role registry | [`rate_limit`](mod@rate_limit): limits and their stores | [`policy_table`]: all policies as text, HTML, JSON |
//! | [`session`]: refresh tokens and cookies, [`admission`]: connections that end with them | [`resource`]: rows and their owners | [`rate_limiter`]: limits without an attribute | `testing`: the access matrix, committed policies |
//! | [`revocation`]: revoked tokens | [`policy`]: rules as data | [`proxy`]: addresses behind proxies | [`config_error`]: configuration errors |
//! | [`api_key`]: credentials for programs | [`scope`](mod@scope): routes under one prefix | [`cors`](mod@cors), [`headers`](mod@headers): browsers | [`audit`]: the events of the audit trail |
//! | `password`: password hashing | [`validation`]: input | [`deferring`](mod@deferring): other middleware; [`server`]: limits of connections, plain HTTP; `tls`: certificates, client certificates | [`problem`]: error responses |
//! | [`authn`]: custom authenticators | [`principal`]: the caller | [`middleware`]: the service type of [`Palisade`] | [`clock`]: the time of the machine or of a test |
//! | `sql_store`: durable stores in a database | | `redis`: one connection for several processes | [`guide`]: a page for each theme |
//!
//! # Features
//!
//! No feature is enabled by default. Features are additive. The lowest Rust version is 1.89, and 1.94 with `sqlx`.
//!
//! | Feature | Adds |
//! |---|---|
//! | `jwks` | keys of issuers from their JWK set URL (`jwt::RemoteKeySet`) |
//! | `redis` | rate limits, sessions and revocations that several processes share |
//! | `sqlx-sqlite`, `sqlx-postgres` | durable sessions, revocations and API keys in a database (`sql_store`) |
//! | `password` | `password::Passwords`: argon2id |
//! | `compression` | compressed request bodies |
//! | `multipart` | forms with files ([`input`]: `Multipart`, `File`) |
//! | `cookies` | sessions in a cookie (`session::CookieSessions`), a token in a cookie (`JwtBuilder::from_cookie`) |
//! | `sqlx`, and `sqlx-sqlite` or `sqlx-postgres` | `sql!`, and errors of `sqlx` as problems (`sql`); durable stores. The lowest Rust is that of `sqlx`: 1.94 |
//! | `oauth` | OAuth 2.0 and OpenID Connect (`oauth`): providers that are discovered, introspection, sign-in, tokens for outgoing calls |
//! | `uuid` | a `Uuid` as the owner of a row ([`resource::OwnerKey`]) |
//! | `tls` | certificates that are reloaded, and client certificates (`tls`) |
//! | `tls-development` | self-signed certificates (`tls::DevelopmentCertificate`) |
//! | `testing` | helpers for the tests of an application; for `[dev-dependencies]` only |
//!
//! # What palisade does not do
//!
//! It is not an identity provider: it has no login page, no authorization server and no user database. It gets no certificates from ACME. It protects
//! against cross-site request forgery only where a browser adds the credential by itself: a session or a token in a
//! cookie (`CookieSessions`, `JwtBuilder::from_cookie`), or an [`Authenticator`] that [says so](Authenticator::is_ambient). Of
//! login forms, it protects those that begin a session of `CookieSessions`. It cannot protect a `GET` that changes something. It does not encode output, and does not replace the constraints of your database.
//!
//! # Using another crate name
//!
//! The attributes call this crate `::palisade`. If Cargo.toml gives it another name, or if another crate re-exports it, add one line
//! at the top of your crate: `extern crate guard as palisade;`, for `guard = { package = "palisade", .. }`.

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

pub mod admission;
pub mod api_key;
mod app;
pub mod audit;
pub mod authn;
mod authz;
mod body;
mod builder;
mod challenge;
#[cfg(feature = "oauth")]
mod client_auth;
pub mod clock;
mod concurrency;
pub mod config_error;
pub mod cors;
mod cross_site;
pub mod deferring;
mod denial;
mod document;
mod dry_run;
#[allow(
    missing_debug_implementations,
    unnameable_types,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "most of its types are named only by generated code"
)]
mod endpoint;
mod extraction_errors;
mod extractors;
mod failure;
mod function;
mod gate;
mod guard;
pub mod guide;
mod handler_path;
pub mod headers;
mod host;
pub mod input;
#[cfg(feature = "oauth")]
mod introspection;
pub mod jwt;
pub mod middleware;
mod navigation;
#[cfg(feature = "oauth")]
pub mod oauth;
#[cfg(feature = "jwks")]
mod outgoing;
#[cfg(feature = "password")]
pub mod password;
pub mod policy;
pub mod policy_table;
pub mod principal;
pub mod problem;
#[cfg(feature = "oauth")]
mod proof;
#[cfg(feature = "oauth")]
mod protected_resource;
#[cfg(feature = "oauth")]
mod provider;
pub mod proxy;
#[allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "applications create a `KeyAnswer`; the conformance tests create the others"
)]
pub mod rate_limit;
pub mod rate_limiter;
mod reached;
#[cfg(feature = "redis")]
pub mod redis;
mod rejection_response;
mod request_sanity;
pub mod resource;
pub mod revocation;
pub mod role;
mod route_responses;
pub mod scope;
pub mod server;
pub mod session;
mod settings;
#[cfg(feature = "oauth")]
mod sign_in;
#[cfg(feature = "sqlx")]
pub mod sql;
#[cfg(any(feature = "sqlx-sqlite", feature = "sqlx-postgres"))]
pub mod sql_store;
mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod timeout;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "oauth")]
mod token_source;
mod unavailable;
pub mod validation;

pub use self::authn::Authenticator;
pub use self::body::BodyTimeouts;
pub use self::builder::{Palisade, PalisadeBuilder};
pub use self::clock::Clock;
pub use self::config_error::ConfigError;
pub use self::cors::Cors;
pub use self::deferring::deferring;
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
    Extractor, Role, allow_cross_site, allow_raw_sql, authenticated, authorize, body_limit, compressed_body,
    concurrency, cors, delete, deny_all, get, head, headers, optional_auth, options, origin, owner, owner_or_admin,
    patch, post, public, put, rate_limit, require_permission, require_proof, require_role, require_scope, route, rule,
    step_up, tenant, timeout, validate,
};

#[cfg(feature = "sqlx")]
pub use palisade_macros::sql;

/// The crate [`garde`](https://docs.rs/garde), in the version whose `Validate` [`validate`](macro@validate) accepts. Its derive needs
/// a dependency of your own.
#[cfg(feature = "garde")]
pub use garde;
/// The crate [`validator`](https://docs.rs/validator), in the version whose `Validate` [`validate`](macro@validate) requires.
pub use validator;

#[doc(hidden)]
pub use palisade_macros::__policy;

/// The items that generated code uses, for exactly one version of the macros.
#[doc(hidden)]
pub mod __v1 {
    pub use crate::authz::Authorized;
    pub use crate::cors::RouteCors;
    pub use crate::cors::origin::origin;
    pub use crate::endpoint::arguments::*;
    pub use crate::endpoint::{Endpoint, Guards, Mounter, register};
    pub use crate::function::{Function, FunctionPolicy, boxed, enforce};
    pub use crate::guard::{FieldKeysOf, GuardedHandler, HandlerWithChecks, ValidationOf};
    pub use crate::headers::HeaderChange;
    pub use crate::jwt::{Set, Unset};
    pub use crate::policy::check::{pending, value};
    pub use crate::policy::constant::{
        NamesRole, NoName, concurrency, condition, cost, limit, permission, role, scope,
    };
    pub use crate::policy::{AuthScheme, Check, Network, Ownership, Policy, Route, Rule, StepUp};
    pub use crate::rate_limit::definition::{FieldKeys, pending_key};
    pub use crate::rate_limit::{By, Count, KeyFn, OnStoreFailure, RateLimit};
    pub use crate::role::{RoleDefinition, TypedRole};
    #[cfg(feature = "testing")]
    pub use crate::scope::add_at;
    #[cfg(feature = "testing")]
    pub use crate::testing::committed::{assert_committed, assert_policies};
    pub use crate::validation::checked_argument::*;
    pub use crate::validation::checks::{Checks, NotValidated, SomeInput, Validated, With};
    pub use crate::validation::failure::{BrokenRule, ValidationFailure};
    #[cfg(feature = "garde")]
    pub use crate::validation::garde::{Both, ByGarde};
    pub use crate::validation::kinds::*;
    pub use crate::validation::listed::Listed;
    pub use crate::validation::rules::HasRules;
    pub use crate::validation::strict::*;
    pub use crate::validation::validator::{ByValidator, Nested, WithContext};
    pub use crate::validation::without_rules::{NoInput, Parsed};
    pub use crate::{__arguments as arguments, __handler as handler, __register as add};
    pub use actix_web::Route as MountedRoute;
    pub use actix_web::dev::{AppService, HttpServiceFactory};
    pub use actix_web::web::Payload;
    pub use actix_web::{HttpRequest, HttpResponse};
    pub use palisade_macros::__Endpoint as Endpoint;

    /// What the expansion of `sql!` names.
    #[cfg(feature = "sqlx")]
    pub mod sql {
        pub use crate::sql::generated::*;
    }

    /// Internals of the rate limit stores, only for the tests and benches of this workspace.
    pub mod rate_limits {
        pub use crate::rate_limit::client_key::{Client, ClientKey};
        pub use crate::rate_limit::limit::Limit;
        pub use crate::rate_limit::memory::{Charge, Partition, verified_partition};
        #[cfg(feature = "redis")]
        pub use crate::rate_limit::redis::{RedisCharge, RedisDecision, RedisDecisions};
        pub use crate::rate_limit::status::{Cause, Rejected};
        pub use crate::rate_limit::store::ChargeRequest;
    }
}
