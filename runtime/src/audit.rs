//! The audit trail: one event for each refusal, and for each failure of the server.
//!
//! Threat: attacks that leave no trace, and logs that leak secrets or can be forged (CWE-778, CWE-532, CWE-117).
//! Promise (ASVS V16.2.1, V16.3): one event on the target `palisade::audit` for each refusal, with its stable reason; route
//! templates and identifiers only, never a header, a body, a query or a raw path. A failure has its cause too (V16.2.5), in the
//! application's own words.

use std::fmt;
use std::io::{self, Write as _};
use std::net::IpAddr;

use actix_web::http::StatusCode;
use tracing::field::display;

use crate::policy::HandlerPath;

/// The target of every audit event, for filters of `tracing`.
pub(crate) const TARGET: &str = "palisade::audit";

/// What is known of a refused request.
pub(crate) struct Refused<'a> {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) method: &'a str,
    /// The handler, or a word for what stands in its place.
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

/// What is known of a request that the server failed to answer.
pub(crate) struct Failed<'a> {
    /// `failed` or `panicked`.
    pub(crate) event: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) method: Option<&'a str>,
    /// The template, where one is known.
    pub(crate) route: Option<&'a str>,
    pub(crate) handler: Option<&'a HandlerPath>,
    /// Whatever the application's error says: it is escaped, so it forges no line.
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

/// A rate limit that would have refused, had the limits not been set to observe.
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

/// A refresh token came a second time: somebody else may hold it too.
pub(crate) fn refresh_reused(session: &str, subject: &str) {
    tracing::warn!(
        target: TARGET,
        event = "refresh_reused",
        session = tracing::field::debug(session),
        subject = tracing::field::debug(subject),
    );
}

/// A credential brought roles that the application has not: they give nothing.
pub(crate) fn unknown_roles(roles: &[&str], subject: &str, handler: &dyn fmt::Display) {
    tracing::warn!(
        target: TARGET,
        event = "unknown_role",
        roles = tracing::field::debug(roles),
        subject = tracing::field::debug(subject),
        handler = display(handler),
    );
}

/// A token has a claim of a name that is read by default, whose value is of another type: it gives nothing.
pub(crate) fn claim_ignored(issuer: &str, claim: &'static str) {
    tracing::debug!(target: TARGET, event = "claim_ignored", issuer = tracing::field::debug(issuer), claim);
}

/// A defect of the application, not of the request: what to add is in the text.
///
/// Whoever has no subscriber yet is just beginning, and needs the line most: it goes to standard error then.
pub(crate) fn misconfigured(handler: &dyn fmt::Display, cure: &str) {
    if !tracing::dispatcher::has_been_set() {
        // Not `eprintln!`: it panics where standard error is closed.
        let _ = writeln!(io::stderr(), "palisade: {handler}: {cure}");
    }
    tracing::error!(target: TARGET, event = "misconfigured", handler = display(handler), cure);
}
