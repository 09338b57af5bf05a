//! The client's address.
//!
//! Threat: a forged header that gives every request a fresh rate limit, or the rate limit of another client (CWE-348, CWE-290;
//! ASVS V15.3.4, V4.1.3).
//! Promise: the address is the peer's, unless the peer is a trusted proxy. In that case, the one header that the proxies write
//! is read from the right to the first hop that is not a trusted proxy; no other header is read. Text that a client wrote to
//! the left of that hop has no effect. `::ffff:1.2.3.4` is `1.2.3.4` everywhere. At most 100 hops are read, in time
//! linear in their length. A header that cannot be read is logged.
//!
//! ```
//! use palisade::Palisade;
//! use palisade::proxy::ForwardedBy;
//!
//! Palisade::builder().trusted_proxies(["10.0.0.0/8"]).forwarded_by(ForwardedBy::Forwarded).build()?;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! The [guide](crate::guide::operations) shows the settings behind usual proxies.

pub(crate) mod address_ranges;
mod forwarded;
mod group;
mod hop;
mod notices;
mod ranges;
mod x_forwarded_for;

use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, FORWARDED, HOST, HeaderName, ORIGIN, PROXY_AUTHORIZATION,
    REFERER, USER_AGENT, X_FORWARDED_FOR, X_FORWARDED_PROTO,
};

pub(crate) use self::group::AddressGroup;
use self::notices::Notices;
pub(crate) use self::ranges::{ProxyPeers, proxy_peers};
use crate::config_error::ConfigError;

/// In a longer chain of proxies, the address is that of the last proxy that was read.
const MAX_HOPS: usize = 100;

/// In this header, the text after the last colon is always a port.
const CLOUDFRONT: &str = "cloudfront-viewer-address";

/// Headers that every client writes itself, so that they prove nothing about a proxy.
const CLIENT_HEADERS: [HeaderName; 9] =
    [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, PROXY_AUTHORIZATION, REFERER, USER_AGENT];

/// The header in which the proxies of an application name the client: [`forwarded_by`](crate::PalisadeBuilder::forwarded_by).
/// It is read only from [trusted proxies](crate::PalisadeBuilder::trusted_proxies).
///
/// Danger: proxies pass on headers that they do not know. The header must therefore be the one that *all* of the proxies write;
/// any other contains what the client wrote (RFC 7239 §7.4, §8.1; ASVS V4.1.3). For this reason only one header is read:
/// headers are never merged, and a missing header is not replaced by another.
///
/// ```
/// use palisade::Palisade;
/// use palisade::proxy::ForwardedBy;
///
/// let mistake = Palisade::builder().forwarded_by(ForwardedBy::Forwarded).build().err();
/// assert_eq!(mistake.expect("a header needs trusted proxies").setting(), "forwarded_by");
/// Palisade::builder().trusted_proxies(["10.0.0.0/8"]).forwarded_by(ForwardedBy::Forwarded).build()?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedBy {
    /// `X-Forwarded-For`: a list of addresses (optionally with a port or in brackets), to which every proxy appends the address
    /// of its peer.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same in its `for` parameters. A port and the brackets of IPv6 need quotes there (RFC 7239
    /// §4), as in `for="[2001:db8::1]:4711"`. If an element is malformed, `unknown` or an obfuscated name, the address is that
    /// of the hop that passed it on.
    Forwarded,
    /// A header in which the edge writes one address, such as `CF-Connecting-IP`, `Fly-Client-IP` or `X-Real-IP`. The address
    /// may have a port or brackets, as in `198.51.100.1:4711`, `[2001:db8::1]` and `[2001:db8::1]:4711`; an IPv6 address may
    /// also have a port without brackets, as in `CloudFront-Viewer-Address`, where the text after the last colon is always the
    /// port. If the header is missing, the address is the peer's. The same holds if the header occurs twice or is not one
    /// address; a warning with the header's name and the proxy is then logged, at most once a minute.
    ///
    /// Danger: the edge must overwrite what the client sends under that name, and the trusted proxies must be reachable only
    /// through the edge.
    EdgeHeader(String),
}

/// The trusted proxies, and the header in which they name the client.
#[derive(Debug)]
pub(crate) struct TrustedProxies {
    peers: ProxyPeers,
    client_header: ClientHeader,
    notices: Notices,
}

#[derive(Debug)]
enum ClientHeader {
    XForwardedFor,
    Forwarded,
    Edge(HeaderName),
}

impl TrustedProxies {
    pub(crate) fn new(peers: ProxyPeers, forwarded_by: Option<ForwardedBy>) -> Result<Self, ConfigError> {
        if forwarded_by.is_some() && peers.is_empty() {
            return Err(ConfigError::new(
                "forwarded_by",
                "needs trusted proxies that write the header, such as `.trusted_proxies([\"10.0.0.0/8\"])`",
            ));
        }
        let client_header = match forwarded_by.unwrap_or_default() {
            ForwardedBy::XForwardedFor => ClientHeader::XForwardedFor,
            ForwardedBy::Forwarded => ClientHeader::Forwarded,
            ForwardedBy::EdgeHeader(name) => ClientHeader::Edge(edge_header(&name)?),
        };
        // If no proxy is trusted, one may have been forgotten, with any header.
        let headers_of_proxies = match &client_header {
            _ if peers.is_empty() => vec![X_FORWARDED_FOR, FORWARDED],
            ClientHeader::XForwardedFor => vec![X_FORWARDED_FOR],
            ClientHeader::Forwarded => vec![FORWARDED],
            ClientHeader::Edge(name) => vec![name.clone()],
        };
        Ok(Self { notices: Notices::new(peers.is_empty(), headers_of_proxies), peers, client_header })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether the address belongs to a trusted proxy.
    pub(crate) fn hold(&self, address: IpAddr) -> bool {
        self.peers.contain(address)
    }

    /// Whether the headers of the request were set by a trusted proxy.
    pub(crate) fn set_headers_of(&self, head: &RequestHead) -> bool {
        self.peers.trust(peer(head))
    }

    /// The reason why a request has no address, and how to fix it.
    pub(crate) fn help_without_address(&self) -> &'static str {
        if self.peers.trust(None) {
            "a rate limit by address needs the client's address, and the trusted proxy on the Unix socket named no readable \
             address: let it set the header of `.forwarded_by(..)` (default: `X-Forwarded-For`) on each request"
        } else {
            "a rate limit by address needs the client's address, and this connection has none. If the server listens on a \
             Unix socket behind a proxy, set `.trusted_proxies([\"unix:\"])`, and let the proxy name the client in its header. \
             In a test, set `TestRequest::default().peer_addr(..)`"
        }
    }

    /// The client's address; `None` if the connection has none (a Unix socket, an in-process test) and no trusted proxy names
    /// one.
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        let peer = peer(head);
        if !self.peers.trust(peer) {
            self.notices.untrusted_peer(head, peer);
            return peer;
        }
        match &self.client_header {
            ClientHeader::XForwardedFor => self.walk(peer, head, &X_FORWARDED_FOR, x_forwarded_for::last_hop),
            ClientHeader::Forwarded => self.walk(peer, head, &FORWARDED, forwarded::last_hop),
            ClientHeader::Edge(name) => match only_address(head, name) {
                Ok(named) => named.or(peer),
                Err(Unreadable) => {
                    self.notices.unreadable(name, peer);
                    peer
                }
            },
        }
    }

    /// Whether a trusted proxy says that the client uses HTTPS: by the last value of `X-Forwarded-Proto`, or, if the proxies write
    /// `Forwarded`, by the `proto` of the hop that names the client. `false` without trusted proxies.
    #[inline]
    pub(crate) fn say_https(&self, head: &RequestHead) -> bool {
        !self.peers.is_empty() && self.forward_https(head)
    }

    #[cold]
    fn forward_https(&self, head: &RequestHead) -> bool {
        if !self.peers.trust(peer(head)) {
            return false;
        }
        match &self.client_header {
            ClientHeader::Forwarded => {
                self.forwarded_scheme(head).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
            }
            ClientHeader::XForwardedFor | ClientHeader::Edge(_) => {
                let line = head.headers.get_all(X_FORWARDED_PROTO).last().map(|line| line.as_bytes());
                let last = line.and_then(|line| line.rsplit(|byte| *byte == b',').next());
                last.is_some_and(|scheme| scheme.trim_ascii().eq_ignore_ascii_case(b"https"))
            }
        }
    }

    /// The `proto` of the hop that names the client. `None` if the hop, or one to its right, cannot be read.
    fn forwarded_scheme<'h>(&self, head: &'h RequestHead) -> Option<&'h [u8]> {
        let mut scheme = None;
        let mut lines: Vec<&[u8]> = head.headers.get_all(FORWARDED).map(|line| line.as_bytes()).collect();
        for _ in 0..MAX_HOPS {
            let Some(line) = lines.pop() else { break };
            let element = forwarded::last_element(line)?;
            scheme = element.proto;
            if !self.peers.contain(element.address) {
                break;
            }
            lines.extend(element.left);
        }
        scheme
    }

    /// Follows the hops while they are trusted proxies. If a hop cannot be read, no trusted proxy wrote it, and the address is
    /// that of the proxy that passed it on.
    fn walk(&self, peer: Option<IpAddr>, head: &RequestHead, name: &HeaderName, last_hop: LastHop) -> Option<IpAddr> {
        let mut address = peer;
        // Several header lines form one list, in their order (RFC 9110 §5.3).
        let mut lines: Vec<&[u8]> = head.headers.get_all(name).map(|line| line.as_bytes()).collect();
        for _ in 0..MAX_HOPS {
            let Some(line) = lines.pop() else { break };
            let Some((hop, left)) = last_hop(line) else {
                self.notices.unreadable(name, address);
                break;
            };
            address = Some(hop);
            if !self.peers.contain(hop) {
                break;
            }
            lines.extend(left);
        }
        address
    }
}

fn peer(head: &RequestHead) -> Option<IpAddr> {
    head.peer_addr.map(|peer| peer.ip().to_canonical())
}

/// Reads the last hop of a line: its address, and the text to the left of its comma, if there is one.
type LastHop = fn(&[u8]) -> Option<(IpAddr, Option<&[u8]>)>;

/// The header is present but is not exactly one address.
struct Unreadable;

/// The address that is the header's only value. `None` if the header is missing.
fn only_address(head: &RequestHead, name: &HeaderName) -> Result<Option<IpAddr>, Unreadable> {
    let mut values = head.headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    let only = Some(value).filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
    let read = if name == CLOUDFRONT { hop::address_before_port } else { hop::address_of_edge };
    only.and_then(|text| read(text.trim())).map(Some).ok_or(Unreadable)
}

fn edge_header(name: &str) -> Result<HeaderName, ConfigError> {
    let reject = |problem: String| Err(ConfigError::new("forwarded_by", problem));
    let Ok(header) = HeaderName::try_from(name) else {
        return reject(format!("must be a header name, such as \"cf-connecting-ip\", but is {name:?}"));
    };
    if header == X_FORWARDED_FOR || header == FORWARDED {
        return reject(format!(
            "must be `ForwardedBy::XForwardedFor` or `ForwardedBy::Forwarded` for the list in {name:?}"
        ));
    }
    if CLIENT_HEADERS.contains(&header) {
        return reject(format!("must be a header that the edge overwrites, but clients write {name:?} themselves"));
    }
    Ok(header)
}

#[cfg(test)]
mod tests;
