//! The client's address.
//!
//! Threat: a forged header that gives every request a fresh rate limit, or somebody else's (CWE-348, CWE-290; ASVS V15.3.4,
//! V4.1.3).
//! Promise: the address is the peer's, unless the peer is a configured proxy; then the one header that the application's
//! proxies write is read from the right to the first hop that is no proxy, and no other header is. Whatever a client wrote
//! before a proxy added what it saw changes nothing. `::ffff:1.2.3.4` is `1.2.3.4` everywhere. The work is linear in the
//! length of what is read, and at most [`MAX_HOPS`] hops are. A header that can't be read is not passed over in silence.

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
    REFERER, USER_AGENT, X_FORWARDED_FOR,
};

pub(crate) use self::group::AddressGroup;
use self::notices::Notices;
pub(crate) use self::ranges::{ProxyPeers, proxy_peers};
use crate::config_error::ConfigError;

/// Longer chains of proxies are read no further: the address is then that of the last proxy that was read.
const MAX_HOPS: usize = 100;

/// It always has a port behind its last colon, whatever the address is.
const CLOUDFRONT: &str = "cloudfront-viewer-address";

/// What every client writes itself, so that no proxy can be told from it.
const CLIENTS_OWN: [HeaderName; 9] =
    [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, PROXY_AUTHORIZATION, REFERER, USER_AGENT];

/// The header in which the proxies of an application say whom they speak for:
/// [`forwarded_by`](crate::PalisadeBuilder::forwarded_by). It counts from
/// [trusted proxies](crate::PalisadeBuilder::trusted_proxies) only.
///
/// Danger: proxies pass headers on that they do not know. So it has to be the one that *all* of the proxies write; any
/// other holds what the client wrote (RFC 7239 §7.4, §8.1; ASVS V4.1.3). That is why just one is read: the headers are
/// never merged, and none stands in for another that is missing.
///
/// ```
/// use palisade::Palisade;
/// use palisade::proxy::ForwardedBy;
///
/// let mistake = Palisade::builder().forwarded_by(ForwardedBy::Forwarded).build().err();
/// assert_eq!(mistake.expect("whose header?").setting(), "forwarded_by");
/// Palisade::builder().trusted_proxies(["10.0.0.0/8"]).forwarded_by(ForwardedBy::Forwarded).build()?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedBy {
    /// `X-Forwarded-For`: a list of addresses (with a port or in brackets if need be), to which every proxy appends the
    /// address that it saw.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same in its `for` parameters. A port and the brackets of IPv6 need quotes there (RFC
    /// 7239 §4), as in `for="[2001:db8::1]:4711"`. What does not follow the RFC's grammar, an `unknown`
    /// or an obfuscated name ends the reading at the hop that passed it on.
    Forwarded,
    /// A header in which the edge writes one address, such as `CF-Connecting-IP`, `Fly-Client-IP` or `X-Real-IP`. The
    /// address may have a port or brackets, as in `198.51.100.1:4711`, `[2001:db8::1]` and `[2001:db8::1]:4711`; an IPv6
    /// address may also have its port without brackets, as in `CloudFront-Viewer-Address`, where what follows the last colon
    /// is always the port. Where the header is missing, the peer's address counts. It also counts where the header comes
    /// twice or is not one address; that is a warning in the log, with the header's name and the proxy, at most once a
    /// minute.
    ///
    /// Danger: the edge must overwrite what the client sends under that name, and nothing but the edge may
    /// reach the trusted proxies.
    EdgeHeader(String),
}

/// Whose word about the client is taken, and where it is read.
#[derive(Debug)]
pub(crate) struct TrustedProxies {
    peers: ProxyPeers,
    word: Word,
    notices: Notices,
}

#[derive(Debug)]
enum Word {
    XForwardedFor,
    Forwarded,
    Edge(HeaderName),
}

impl Word {
    /// The name of its header, if the request has it.
    fn sent_in(&self, head: &RequestHead) -> Option<&str> {
        match self {
            Word::XForwardedFor => head.headers.contains_key(&X_FORWARDED_FOR).then_some("x-forwarded-for"),
            Word::Forwarded => head.headers.contains_key(&FORWARDED).then_some("forwarded"),
            Word::Edge(name) => head.headers.contains_key(name).then_some(name.as_str()),
        }
    }
}

impl TrustedProxies {
    pub(crate) fn new(peers: ProxyPeers, forwarded_by: Option<ForwardedBy>) -> Result<Self, ConfigError> {
        if forwarded_by.is_some() && peers.is_empty() {
            return Err(ConfigError::new(
                "forwarded_by",
                "nobody is trusted to forward: name the proxies too, such as `.trusted_proxies([\"10.0.0.0/8\"])`",
            ));
        }
        let word = match forwarded_by.unwrap_or_default() {
            ForwardedBy::XForwardedFor => Word::XForwardedFor,
            ForwardedBy::Forwarded => Word::Forwarded,
            ForwardedBy::EdgeHeader(name) => Word::Edge(edge_header(&name)?),
        };
        Ok(Self { peers, word, notices: Notices::new() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether the address is one of theirs.
    pub(crate) fn hold(&self, address: IpAddr) -> bool {
        self.peers.contain(address)
    }

    /// Whether the headers of the request were set by a trusted proxy.
    pub(crate) fn vouch_for(&self, head: &RequestHead) -> bool {
        self.peers.trust(peer(head))
    }

    /// Why a request has no address, and what to do about it.
    pub(crate) fn cure_of_no_address(&self) -> &'static str {
        if self.peers.trust(None) {
            "a rate limit by address needs the client's address, and the trusted proxy on the Unix socket named none that \
             can be read: let it set the header of `.forwarded_by(..)` (default: `X-Forwarded-For`) on each request"
        } else {
            "a rate limit by address needs the client's address, and this connection has none. If the server listens on a \
             Unix socket behind a proxy, say `.trusted_proxies([\"unix:\"])`, and the proxy's header names the client. \
             In a test, say `TestRequest::default().peer_addr(..)`"
        }
    }

    /// The client's address; `None` where the connection has none (a Unix socket, an in-process test) and no trusted proxy
    /// names one.
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        let peer = peer(head);
        if !self.peers.trust(peer) {
            self.notices.of_stranger(self, head, peer);
            return peer;
        }
        match &self.word {
            Word::XForwardedFor => self.walk(peer, head, &X_FORWARDED_FOR, x_forwarded_for::last_hop),
            Word::Forwarded => self.walk(peer, head, &FORWARDED, forwarded::last_hop),
            Word::Edge(name) => match only_address(head, name) {
                Ok(named) => named.or(peer),
                Err(Unreadable) => {
                    self.notices.unreadable(name, peer);
                    peer
                }
            },
        }
    }

    /// From hop to hop, as long as the hop is a proxy that we trust. A hop that can't be read was written by none of
    /// them: the address is then that of the proxy that passed it on.
    fn walk(&self, peer: Option<IpAddr>, head: &RequestHead, name: &HeaderName, last_hop: LastHop) -> Option<IpAddr> {
        let mut address = peer;
        // Several header lines are one list, in their order (RFC 9110 §5.3).
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

/// Reads the hop at the right end of a line: its address, and what stands left of its comma, if there is one.
type LastHop = fn(&[u8]) -> Option<(IpAddr, Option<&[u8]>)>;

/// A header is there, and is not one address.
struct Unreadable;

/// The address that is the header's only value, if the header is there.
fn only_address(head: &RequestHead, name: &HeaderName) -> Result<Option<IpAddr>, Unreadable> {
    let mut values = head.headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    let only = Some(value).filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
    let read = if name == CLOUDFRONT { hop::address_before_port } else { hop::address_of_edge };
    only.and_then(|text| read(text.trim())).map(Some).ok_or(Unreadable)
}

fn edge_header(name: &str) -> Result<HeaderName, ConfigError> {
    let refuse = |problem: String| Err(ConfigError::new("forwarded_by", problem));
    let Ok(header) = HeaderName::try_from(name) else {
        return refuse(format!("{name:?} is no header name; write one such as \"cf-connecting-ip\""));
    };
    if header == X_FORWARDED_FOR || header == FORWARDED {
        return refuse(format!("{name:?} is a list: use `ForwardedBy::XForwardedFor` or `ForwardedBy::Forwarded`"));
    }
    if CLIENTS_OWN.contains(&header) {
        return refuse(format!("{name:?} is the client's own; name a header that the edge overwrites"));
    }
    Ok(header)
}

#[cfg(test)]
mod tests;
