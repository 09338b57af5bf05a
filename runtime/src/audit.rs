//! The audit trail: one event for each rejected request, and for each failure of the server.
//!
//! Threat: attacks that leave no trace, and logs that leak secrets or can be forged (CWE-778, CWE-532, CWE-117). Promise (ASVS
//! V16.2.1, V16.3): each rejected request is one event on the target `palisade::audit`, with a stable reason. An event contains
//! route templates and identifiers, never a header, a body, a query or a raw path. The event of a failure also has its cause
//! (V16.2.5): the text of the error that the application returned.
//!
//! The events are those of [`tracing`](https://docs.rs/tracing), so an application chooses where they go. A rejected request looks
//! like this, as JSON:
//!
//! ```json
//! {"level": "WARN", "target": "palisade::audit", "status": 403, "reason": "not_the_owner", "method": "GET",
//!  "handler": "app::show_user", "client": "192.0.2.7", "subject": "alice"}
//! ```
//!
//! The [guide](crate::guide::operations) says what an operator does with them.

use std::fmt;
use std::io::{self, Write as _};
use std::net::IpAddr;

use actix_web::http::{Method, StatusCode};

use crate::policy::HandlerPath;

/// The target of every audit event, for `tracing` filters.
pub const TARGET: &str = "palisade::audit";

/// A request that was rejected.
pub(crate) struct RejectedRequest<'a> {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) method: &'a str,
    /// The handler, or the part of palisade that rejected the request.
    pub(crate) handler: &'a dyn fmt::Display,
    /// Called only if the event is recorded.
    pub(crate) client: &'a dyn Fn() -> Option<IpAddr>,
    pub(crate) subject: Option<&'a str>,
    /// Who acts on behalf of the subject.
    pub(crate) actor: Option<&'a str>,
}

impl RejectedRequest<'_> {
    pub(crate) fn record(&self) {
        tracing::warn!(
            target: TARGET,
            event = "rejected",
            status = self.status.as_u16(),
            reason = self.reason,
            method = self.method,
            handler = display(self.handler),
            client = (self.client)().map(display),
            subject = self.subject.map(tracing::field::debug),
            actor = self.actor.map(tracing::field::debug),
        );
    }
}

/// A client got the nonce for its next proof (RFC 9449 §9). That is no attack, so it is no warning.
#[cold]
pub(crate) fn nonce_required(reason: &'static str, handler: &dyn fmt::Display, client: Option<IpAddr>) {
    tracing::info!(
        target: TARGET,
        event = "nonce_required",
        status = StatusCode::UNAUTHORIZED.as_u16(),
        reason,
        handler = display(handler),
        client = client.map(display),
    );
}

/// A request that failed in the server.
pub(crate) struct Failed<'a> {
    /// `failed` or `panicked`.
    pub(crate) event: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) method: Option<&'a str>,
    /// The template of the route, if it is known.
    pub(crate) route: Option<&'a str>,
    pub(crate) handler: Option<&'a HandlerPath>,
    /// The error of the application. Its text is escaped, so that it cannot forge a line of the log.
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

/// A rate limit would have rejected the request, but it only observes.
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

/// A response that was still being sent was ended, because its caller is not admitted any more.
pub(crate) fn connection_ended(
    reason: &'static str,
    handler: &dyn fmt::Display,
    client: Option<IpAddr>,
    subject: Option<&str>,
    actor: Option<&str>,
) {
    tracing::warn!(
        target: TARGET,
        event = "connection_ended",
        reason,
        handler = display(handler),
        client = client.map(display),
        subject = subject.map(tracing::field::debug),
        actor = actor.map(tracing::field::debug),
    );
}

/// The certificate of a client was rejected in the handshake, so there is no request. Its connection has no known address yet.
#[cfg(feature = "tls")]
pub(crate) fn handshake_rejected(reason: &'static str) {
    tracing::warn!(target: TARGET, event = "handshake_rejected", reason);
}

/// A refresh token was used a second time, so another party may have it too.
pub(crate) fn refresh_reused(session: &str, subject: &str) {
    tracing::warn!(
        target: TARGET,
        event = "refresh_reused",
        session = tracing::field::debug(session),
        subject = tracing::field::debug(subject),
    );
}

/// A provider refused a request of the application itself, so its registration there, or the settings, must be changed. The code is one
/// of the standard, or has its characters.
#[cfg(feature = "oauth")]
pub(crate) fn provider_refused(issuer: &str, client: &str, code: &str) {
    tracing::error!(
        target: TARGET,
        event = "provider_refused",
        issuer = tracing::field::debug(issuer),
        client = tracing::field::debug(client),
        code,
    );
}

/// A sign-in at a provider did not end in a session.
#[cfg(feature = "oauth")]
pub(crate) fn sign_in_rejected(reason: &str, issuer: &str, client: Option<IpAddr>) {
    tracing::warn!(
        target: TARGET,
        event = "sign_in_rejected",
        reason,
        issuer = tracing::field::debug(issuer),
        client = client.map(display),
    );
}

/// A logout token was rejected, so no session ended.
#[cfg(feature = "oauth")]
pub(crate) fn logout_rejected(reason: &str, issuer: &str) {
    tracing::warn!(target: TARGET, event = "logout_rejected", reason, issuer = tracing::field::debug(issuer));
}

/// A provider ended the sessions of a user.
#[cfg(feature = "oauth")]
pub(crate) fn logged_out_by_provider(issuer: &str, subject: Option<&str>, session: Option<&str>) {
    tracing::info!(
        target: TARGET,
        event = "logged_out_by_provider",
        issuer = tracing::field::debug(issuer),
        subject = subject.map(tracing::field::debug),
        session = session.map(tracing::field::debug),
    );
}

/// A credential has a role that is not in the role registry. The role grants nothing.
pub(crate) fn unknown_roles(roles: &[Box<str>], subject: &str, handler: &dyn fmt::Display) {
    tracing::warn!(
        target: TARGET,
        event = "unknown_role",
        roles = tracing::field::debug(roles),
        subject = tracing::field::debug(subject),
        handler = display(handler),
    );
}

/// A token has a claim with a default name and a value of another type. The claim grants nothing.
pub(crate) fn claim_ignored(issuer: &str, claim: &'static str) {
    tracing::debug!(target: TARGET, event = "claim_ignored", issuer = tracing::field::debug(issuer), claim);
}

/// A request matched no route, so the default service of the application was not run, if it has one. Each worker logs this once.
pub(crate) fn default_not_run(method: &Method, path: &str) {
    tracing::info!(
        target: "palisade",
        event = "default_service_not_run",
        method = method.as_str(),
        path = tracing::field::debug(path),
        help = "no route matches, so the response is 404. If the `App` has a `default_service`, it was not run, because it has no policy: write an \
                access attribute such as `#[public]` above its function, and pass it as `.default_service(web::to(function))`",
    );
}

/// An error in the setup of the application. The text explains how to fix it.
///
/// Without a `tracing` subscriber, the line is written to standard error, so that it is not missed during development.
pub(crate) fn misconfigured(handler: &dyn fmt::Display, help: &str) {
    if !tracing::dispatcher::has_been_set() {
        // `eprintln!` panics if standard error is closed.
        let _ = writeln!(io::stderr(), "palisade: {handler}: {help}");
    }
    tracing::error!(target: TARGET, event = "misconfigured", handler = display(handler), help);
}
