//! The client's address.
//!
//! Threat: a forged header that gives every request a fresh quota, or somebody else's (CWE-348, CWE-290; ASVS V15.3.4,
//! V4.1.3).
//! Promise: the address is the peer's, unless the peer is a configured proxy; then the one header that the application's
//! proxies write is read from the right to the first hop that is no proxy, and no other header is. Whatever a client wrote
//! before a proxy added what it saw changes nothing. `::ffff:1.2.3.4` is `1.2.3.4` everywhere. The work is linear in the
//! length of what is read, and at most [`MAX_HOPS`] hops are.

mod forwarded;
mod group;
mod ranges;
mod x_forwarded_for;

use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, FORWARDED, HOST, HeaderName, ORIGIN, PROXY_AUTHORIZATION,
    REFERER, USER_AGENT, X_FORWARDED_FOR,
};

pub(crate) use self::group::AddressGroup;
pub(crate) use self::ranges::proxy_ranges;
use crate::error::ConfigError;
use crate::transport::address_ranges::AddressRanges;

/// Longer chains of proxies are read no further: the address is then that of the last proxy that was read.
const MAX_HOPS: usize = 100;

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
/// use palisade::{ForwardedBy, Palisade};
///
/// let mistake = Palisade::builder().forwarded_by(ForwardedBy::Forwarded).build().err();
/// assert_eq!(mistake.expect("whose header?").setting(), "forwarded_by");
/// Palisade::builder().trusted_proxies(["10.0.0.0/8"])?.forwarded_by(ForwardedBy::Forwarded).build()?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedBy {
    /// `X-Forwarded-For`: a list of addresses (with a port or in brackets if need be), to which every proxy appends the
    /// address that it saw.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same in its `for` parameters. What does not follow the RFC's grammar, an `unknown`
    /// or an obfuscated name ends the reading at the hop that passed it on.
    Forwarded,
    /// A header in which the edge writes one address, such as `CF-Connecting-IP`, `Fly-Client-IP` or `X-Real-IP`. Where
    /// it is missing, comes twice or is more than one address, the peer's address counts.
    ///
    /// Danger: the edge must overwrite what the client sends under that name, and nothing but the edge may
    /// reach the trusted proxies.
    EdgeHeader(String),
}

/// Whose word about the client is taken, and where it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies {
    ranges: AddressRanges,
    word: Word,
}

#[derive(Clone, Debug, Default)]
enum Word {
    #[default]
    XForwardedFor,
    Forwarded,
    Edge(HeaderName),
}

impl TrustedProxies {
    pub(crate) fn new(ranges: AddressRanges, forwarded_by: Option<ForwardedBy>) -> Result<Self, ConfigError> {
        if forwarded_by.is_some() && ranges.is_empty() {
            return Err(ConfigError::new(
                "forwarded_by",
                "nobody is trusted to forward: name the proxies too, such as `.trusted_proxies([\"10.0.0.0/8\"])?`",
            ));
        }
        let word = match forwarded_by.unwrap_or_default() {
            ForwardedBy::XForwardedFor => Word::XForwardedFor,
            ForwardedBy::Forwarded => Word::Forwarded,
            ForwardedBy::EdgeHeader(name) => Word::Edge(edge_header(&name)?),
        };
        Ok(Self { ranges, word })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the address is one of theirs.
    pub(crate) fn hold(&self, address: IpAddr) -> bool {
        self.ranges.contain(address)
    }

    /// Whether the headers of the request were set by a trusted proxy.
    pub(crate) fn vouch_for(&self, head: &RequestHead) -> bool {
        head.peer_addr.is_some_and(|peer| self.ranges.contain(peer.ip().to_canonical()))
    }

    /// The client's address; `None` where the connection has none (an in-process test).
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        let peer = head.peer_addr?.ip().to_canonical();
        if !self.vouch_for(head) {
            return Some(peer);
        }
        Some(match &self.word {
            Word::XForwardedFor => self.walk(peer, head, &X_FORWARDED_FOR, x_forwarded_for::last_hop),
            Word::Forwarded => self.walk(peer, head, &FORWARDED, forwarded::last_hop),
            Word::Edge(name) => only_address(head, name).unwrap_or(peer),
        })
    }

    /// From hop to hop, as long as the hop is a proxy that we trust. A hop that can't be read was written by none of
    /// them: the address is then that of the proxy that passed it on.
    fn walk(&self, peer: IpAddr, head: &RequestHead, name: &HeaderName, last_hop: LastHop) -> IpAddr {
        let mut address = peer;
        // Several header lines are one list, in their order (RFC 9110 §5.3).
        let mut lines: Vec<&[u8]> = head.headers.get_all(name).map(|line| line.as_bytes()).collect();
        for _ in 0..MAX_HOPS {
            let Some(line) = lines.pop() else { break };
            let Some((hop, left)) = last_hop(line) else { break };
            address = hop;
            if !self.ranges.contain(hop) {
                break;
            }
            lines.extend(left);
        }
        address
    }
}

/// Reads the hop at the right end of a line: its address, and what stands left of its comma, if there is one.
type LastHop = fn(&[u8]) -> Option<(IpAddr, Option<&[u8]>)>;

/// The header's only value, if that is an address and nothing else.
fn only_address(head: &RequestHead, name: &HeaderName) -> Option<IpAddr> {
    let mut values = head.headers.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()?.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
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
