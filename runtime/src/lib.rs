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

mod answer;
mod app;
mod audit;
mod authn;
mod authz;
mod body;
mod deferring;
mod denial;
mod endpoint;
mod error;
mod extract;
mod extraction;
mod failure;
mod function;
mod gate;
mod guard;
mod ledger;
mod limiter;
mod middleware;
mod palisade;
mod policy;
mod principal;
mod problem;
pub mod quota;
mod reached;
mod rehearsal;
mod scope;
mod settings;
mod table;
mod template;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod validation;

#[cfg(feature = "redis")]
pub use self::authn::RedisStore;
#[cfg(feature = "jwks")]
pub use self::authn::RemoteKeySet;
pub use self::authn::{
    Algorithm, ApiKey, ApiKeyError, ApiKeyStore, ApiKeys, Attempt, AuthError, Authenticator, BeginError, ClaimPath,
    CreatedApiKey, EndError, Grant, InsertedApiKey, IssueError, Jwt, JwtBuilder, KeySet, KeySource, MemoryApiKeys,
    MemoryRevocations, MemorySessions, NewApiKey, RefreshError, RevocationStore, SessionRecord, SessionStore, Sessions,
    SigningKey, TokenCache, TokenIssuer, TokenPair, TokenType, VerifyingKey,
};
#[cfg(feature = "password")]
pub use self::authn::{PasswordError, PasswordMatch, Passwords};
pub use self::authz::{RoleTerms, Roles, RolesBuilder};
pub use self::body::BodyTimeouts;
pub use self::deferring::{Deferring, deferring};
pub use self::endpoint::Endpoint;
pub use self::error::ConfigError;
pub use self::extract::{Claims, Owned, Scoped};
pub use self::ledger::RateLimitHeaders;
pub use self::limiter::{LimitError, Permit, QuotaKey, RateLimiter};
pub use self::palisade::{Palisade, PalisadeBuilder};
pub use self::policy::{
    By, Check, Count, HandlerPath, KeyAnswer, KeyFn, KeyText, Outage, Ownership, Policy, Quota, Resource,
    RoleDefinition, RoleName, Route, Rule, TypedRole, Unavailable, Validation, Verdict,
};
pub use self::principal::{ArgumentError, Principal, Token};
pub use self::problem::{FieldError, Problem};
#[cfg(feature = "redis")]
pub use self::quota::RedisQuotas;
pub use self::quota::{MemoryStore, QuotaStore, Standing};
pub use self::scope::{Guarded, Scope, scope};
pub use self::settings::RateLimits;
pub use self::table::{PolicyRow, PolicyTable};
pub use self::transport::client_addr::ForwardedBy;
pub use self::transport::cors::{Cors, CorsAnyOrigin};
pub use self::transport::headers::SecurityHeaders;
pub use self::validation::{Input, Invalid, IsInput, NotInput};
pub use palisade_macros::{
    Role, authenticated, authorize, compressed_body, delete, deny_all, get, head, optional_auth, options, owner,
    owner_or_admin, patch, post, public, put, rate_limit, require_permission, require_role, require_scope, route,
    tenant, validate,
};

#[doc(hidden)]
pub use self::endpoint::Mounted;
#[doc(hidden)]
pub use palisade_macros::{__Endpoint, __policy};

/// All that generated code names besides the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::authn::{Said, Unsaid};
    pub use crate::endpoint::arguments::*;
    pub use crate::endpoint::{Judged, Seat, fn_guard, register};
    pub use crate::function::{Function, boxed, enforce, enforce_counted, enforce_validated};
    pub use crate::policy::constant::{NoName, cost, limit, permission, role, scope};
    pub use crate::policy::{FieldKeys, pending, pending_key};
    pub use crate::validation::Listed;
    pub use actix_web::dev::{AppService, HttpServiceFactory};
    pub use actix_web::web::Payload;
    pub use actix_web::{HttpRequest, HttpResponse, Route};
}
