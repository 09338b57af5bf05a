//! Security headers on every response.
//!
//! Threat: content sniffing, framing, TLS downgrade, injected scripts, and leaks through referrers and caches (ASVS V3.4.1 to V3.4.8,
//! V14.3.2; CWE-693, CWE-1021).
//!
//! Promise: every response of the middleware has these headers, also 304, 404, and responses after errors and panics. Each is there
//! once, and a value that a handler set stays if browsers understand it and it protects. HSTS is sent only over TLS (RFC 6797 §7.2). A header is removed only by
//! a setting whose name says that it is dangerous, and the policy table shows it.
//!
//! ```
//! use palisade::{Palisade, SecurityHeaders};
//!
//! let headers = SecurityHeaders::new().csp("default-src 'self' https://cdn.example").referrer("strict-origin");
//! let site = palisade::scope("/site").headers(SecurityHeaders::pages());
//! let palisade = Palisade::builder().security_headers(headers).routes(&site).build()?;
//! # let _ = palisade;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! The changes apply in this order: [`PalisadeBuilder::security_headers`](crate::PalisadeBuilder::security_headers),
//! [`Scope::headers`](crate::Scope::headers) from the outermost scope to the innermost, and
//! [`#[headers(..)]`](macro@crate::headers) of the route. Later ones win. They are combined once, and not for each request.

mod changes;
mod content_security;
mod hsts;
mod insert;
mod nonce;
mod own_value;
mod prepared;
mod reporting;
mod route;
#[cfg(test)]
mod tests;

use actix_web::http::header::HeaderValue;

pub use self::changes::{HeaderChange, SecurityHeaders};
pub use self::hsts::Hsts;
pub(crate) use self::insert::{Stays, insert};
pub use self::nonce::CspNonce;
pub(crate) use self::prepared::{ApplicationHeaders, PreparedHeaders, SentResponse, override_handler};
pub(crate) use self::reporting::lacking as lacking_endpoint;
pub(crate) use self::route::RouteHeaders;

/// Forbids caches to store a response.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
