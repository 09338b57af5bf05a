//! The audit trail: one event for each refusal, and for each failure of the server.
//!
//! Threat: attacks that leave no trace, and logs that leak secrets or can be forged (CWE-778, CWE-532, CWE-117).
//!
//! Promise (ASVS V16.2.1, V16.3): each refusal is one event on the target [`TARGET`], with its stable reason. Events hold route
//! templates and identifiers only, never a header, a body, a query or a raw path. A failure also has its cause (V16.2.5), in the
//! words of the application. Texts that a client chose are escaped, so that they cannot forge a line.
//!
//! Events are written with `tracing`. The field `event` tells which one it is:
//!
//! | `event` | Level | It means | Other fields |
//! |---|---|---|---|
//! | `refused` | warn | a request was refused | `status`, `reason`, `method`, `handler`, `client` (the address), `subject` |
//! | `observed` | warn | a rate limit that is only observed would have refused a request | `reason` (`rate_limited`), `rate_limit`, `handler`, `client` |
//! | `refresh_reused` | warn | a refresh token was used a second time, and its session was revoked | `session`, `subject` |
//! | `unknown_role` | warn | a credential has roles that the role registry lacks; they grant nothing | `roles`, `subject`, `handler` |
//! | `failed` | error | a response of 500 or above was made from an error | `status`, `method`, `route`, `handler`, `cause` |
//! | `panicked` | error | a handler panicked | `status`, `method`, `route`, `handler`, `cause` |
//! | `misconfigured` | error | the application has a defect that refuses requests | `handler`, `cure` (what to change) |
//! | `claim_ignored` | debug | a claim that is read by default has another type; it grants nothing | `issuer`, `claim` |
//!
//! `failed`, `panicked` and `misconfigured` are also written to standard error if no `tracing` subscriber is set.
//!
//! The reasons of `refused` that concern credentials are listed in [`jwt`](crate::jwt), [`api_key`](crate::api_key) and
//! [`authn`](crate::authn). To keep the audit trail apart from other logs:
//!
//! ```
//! let filter = format!("{}=debug", palisade::audit::TARGET);
//! assert_eq!(filter, "palisade::audit=debug"); // For `RUST_LOG`, or an `EnvFilter` of `tracing-subscriber`.
//! ```

use std::fmt;
use std::io::{self, Write as _};
use std::net::IpAddr;

use actix_web::http::StatusCode;
use tracing::field::display;

use crate::policy::HandlerPath;

/// The target of every audit event, for filters of `tracing`.
pub const TARGET: &str = "palisade::audit";

/// A refused request.
pub(crate) struct Refused<'a> {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) method: &'a str,
    /// The handler, or a word for what was asked instead.
    pub(crate) handler: &'a dyn fmt::Display,
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<&'a str>,
}

impl Refused<'_> {
    pub(crate) fn record(&self) {
        let client = self.client.map(display);
        tracing::warn!(
            target: TARGET,
            event = "refused",
            status = self.status.as_u16(),
            reason = self.reason,
            method = self.method,
            handler = display(self.handler),
            client,
            subject = self.subject.map(tracing::field::debug),
        );
    }
}

/// A request that the server failed to process.
pub(crate) struct Failed<'a> {
    /// `failed` or `panicked`.
    pub(crate) event: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) method: Option<&'a str>,
    /// The path template, if it is known.
    pub(crate) route: Option<&'a str>,
    pub(crate) handler: Option<&'a HandlerPath>,
    /// The text of the application's error. It is escaped, so that it cannot forge a line.
    pub(crate) cause: &'a str,
}

impl Failed<'_> {
    pub(crate) fn record(&self) {
        if !tracing::dispatcher::has_been_set() {
            let (method, route) = (self.method.unwrap_or_default(), self.route.unwrap_or("an unknown route"));
            let Self { event, status, cause, .. } = self;
            let _ = writeln!(io::stderr(), "palisade: {event}: {method} {route}: {}: {cause:?}", status.as_u16());
        }
        tracing::error!(
            target: TARGET,
            event = self.event,
            status = self.status.as_u16(),
            method = self.method,
            route = self.route.map(display),
            handler = self.handler.map(display),
            cause = tracing::field::debug(self.cause),
        );
    }
}

/// A rate limit that is only observed would have refused a request.
pub(crate) fn over_rate_limit_observed(rate_limit: &str, handler: &dyn fmt::Display, client: Option<IpAddr>) {
    tracing::warn!(
        target: TARGET,
        event = "observed",
        reason = "rate_limited",
        rate_limit,
        handler = display(handler),
        client = client.map(display),
    );
}

/// A refresh token was used a second time, so somebody else may have it too.
pub(crate) fn refresh_reused(session: &str, subject: &str) {
    tracing::warn!(
        target: TARGET,
        event = "refresh_reused",
        session = tracing::field::debug(session),
        subject = tracing::field::debug(subject),
    );
}

/// A credential has roles that the role registry lacks. They grant nothing.
pub(crate) fn unknown_roles(roles: &[&str], subject: &str, handler: &dyn fmt::Display) {
    tracing::warn!(
        target: TARGET,
        event = "unknown_role",
        roles = tracing::field::debug(roles),
        subject = tracing::field::debug(subject),
        handler = display(handler),
    );
}

/// A token has a claim that is read by default, but its value has another type. It grants nothing.
pub(crate) fn claim_ignored(issuer: &str, claim: &'static str) {
    tracing::debug!(target: TARGET, event = "claim_ignored", issuer = tracing::field::debug(issuer), claim);
}

/// A defect of the application, not of the request. The text tells what to add.
///
/// Without a subscriber it goes to standard error: a beginner has none yet, and needs the line most.
pub(crate) fn misconfigured(handler: &dyn fmt::Display, cure: &str) {
    if !tracing::dispatcher::has_been_set() {
        // Not `eprintln!`, which panics if standard error is closed.
        let _ = writeln!(io::stderr(), "palisade: {handler}: {cure}");
    }
    tracing::error!(target: TARGET, event = "misconfigured", handler = display(handler), cure);
}
