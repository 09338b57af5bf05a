//! The syntax that palisade's macros and its runtime must read in the same way.
//!
//! Threat: the macro accepts a text in an attribute, and the runtime reads the same text in another way (CWE-436): a role
//! that no token can carry, or a path parameter that only one of them sees. Promise: each of these rules is written once,
//! here, and both call it.
//!
//! - [`template`]: path templates such as `/users/{id}`.
//! - [`length`]: lengths of time: [`window`], such as `15m` for a rate limit, and [`timeout`], such as `500ms` for a handler.
//! - [`names`]: names of roles, permissions, scopes, authentication schemes, rate limits and headers.
//! - [`network`]: ranges of addresses, such as `10.0.0.0/8`.
//! - [`origin`]: origins of web pages, such as `https://app.example.com`.
//! - [`expression`]: rules with `and`, `or` and `not`: whether they are satisfiable, and which parts are redundant.
//! - [`hierarchy`]: roles that imply other roles.
//! - [`csp`] and [`security_headers`]: the security headers that may be changed, and their values.
//!
//! An application does not use this crate itself. The crate has no dependencies. Its errors have a `message` and a `help` in
//! plain text; the macros print them as compile errors, and the runtime as errors of its configuration.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "macros and runtime of the same version match each variant"
)]
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

pub mod csp;
pub mod expression;
pub mod hierarchy;
pub mod length;
pub mod names;
pub mod network;
pub mod origin;
pub mod security_headers;
pub mod template;
pub mod timeout;
pub mod window;
