//! The hosts for which the application responds.
//!
//! Threat: links, redirects and cached pages that are made with the host that an attacker wrote (CWE-20, CWE-644); the page of
//! another site that reaches a server on the user's machine, because its name resolves to 127.0.0.1 (DNS rebinding, CWE-350);
//! `Host` and the target of the request that name two hosts, of which two parsers read one each (CWE-444). Promise: before
//! anything else is read, a request is rejected whose host is missing, repeated or malformed, or is two hosts (400; RFC 9112 §3.2,
//! RFC 9113 §8.3.1), or is none of the allowed ones (421; RFC 9110 §7.4, §15.5.20).
//!
//! Each rejection has a reason in the audit log: `host_missing`, `host_repeated`, `host_malformed`, `host_disagrees` or
//! `host_not_allowed`.

mod allow_list;
mod name;

use std::net::SocketAddr;

use actix_web::dev::{RequestHead, ServiceRequest};
use actix_web::http::header::HOST;

pub(crate) use self::allow_list::AllowedHosts;
pub(crate) use self::name::{HostAndPort, HostName};
use crate::denial::Denial;
use crate::dry_run;
use crate::proxy::TrustedProxies;

const NOT_LOOPBACK: &str =
    "A server on a loopback address responds to loopback names only, unless other hosts are configured.";
const NOT_LISTED: &str = "This server does not serve the requested host.";

/// Which hosts a request may name.
#[derive(Debug, Default)]
pub(crate) enum HostRules {
    /// Only loopback names on a loopback listener, and every host on another one.
    #[default]
    OfListener,
    Listed(AllowedHosts),
    Any,
}

impl HostRules {
    /// The keyword of the rule, for programs.
    pub(crate) fn keyword(&self) -> &'static str {
        match self {
            Self::OfListener => "of_listener",
            Self::Listed(_) => "listed",
            Self::Any => "any",
        }
    }

    /// The listed hosts, as they are compared.
    pub(crate) fn names(&self) -> Vec<String> {
        self.listed().map(AllowedHosts::names).unwrap_or_default()
    }

    /// Checks the host of a request. Nearly every request passes without being parsed.
    #[inline]
    pub(crate) fn check(&self, request: &ServiceRequest, proxies: &TrustedProxies) -> Result<(), Denial> {
        if self.is_met_at_once(request) { Ok(()) } else { self.decide(request, proxies) }
    }

    #[inline]
    fn is_met_at_once(&self, request: &ServiceRequest) -> bool {
        if let Self::Listed(listed) = self { listed.hold_only(request.head()) } else { self.is_met_unlisted(request) }
    }

    fn is_met_unlisted(&self, request: &ServiceRequest) -> bool {
        self.is_any() || no_browser_rebinds(request)
    }

    #[inline]
    fn listed(&self) -> Option<&AllowedHosts> {
        if let Self::Listed(listed) = self { Some(listed) } else { None }
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    #[cold]
    fn decide(&self, request: &ServiceRequest, proxies: &TrustedProxies) -> Result<(), Denial> {
        // A persona of a test calls no host.
        if dry_run::is_dry_run(request.request()) {
            return Ok(());
        }
        let (head, listed) = (request.head(), self.listed());
        // A proxy on the same machine passes on the host that clients named.
        if listed.is_none() && proxies.set_headers_of(head) {
            return Ok(());
        }
        let mut named = head.headers.get_all(HOST);
        let host = named.next();
        if named.next().is_some() {
            return Err(Denial::bad_request("host_repeated", "The request has several `Host` headers."));
        }
        let text = match (host, head.uri.authority()) {
            (Some(host), Some(authority)) if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => {
                let detail = "`Host` and the target of the request name different hosts.";
                return Err(Denial::bad_request("host_disagrees", detail));
            }
            (_, Some(authority)) => authority.as_str().as_bytes(),
            (Some(host), None) => host.as_bytes(),
            (None, None) => return Err(Denial::bad_request("host_missing", "The request names no host.")),
        };
        let Some(host) = HostAndPort::parse(text) else {
            return Err(Denial::bad_request("host_malformed", "The host of the request cannot be read."));
        };
        match listed {
            Some(listed) if listed.contain(host) => Ok(()),
            None if host.is_loopback() => Ok(()),
            Some(_) => Err(Denial::misdirected(NOT_LISTED)),
            None => Err(Denial::misdirected(NOT_LOOPBACK)),
        }
    }
}

/// Whether no page of another site can have caused the request by a name that resolves to this machine: not both ends of the
/// connection are on this machine (in a test there is none), or the request names no host, which browsers always do.
#[inline]
fn no_browser_rebinds(request: &ServiceRequest) -> bool {
    !request.peer_addr().is_some_and(is_local)
        || !is_local(request.app_config().local_addr())
        || names_no_host(request.head())
}

fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn names_no_host(head: &RequestHead) -> bool {
    !head.headers.contains_key(HOST) && head.uri.authority().is_none()
}
