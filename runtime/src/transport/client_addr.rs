//! The client's address.
//!
//! Threat: a forged `X-Forwarded-For` that gives every request a fresh quota, or somebody else's (CWE-348, ASVS V15.3.4).
//! Promise: the address is the peer's, unless the peer is a configured proxy; then the header is read from the right to the
//! first hop that is none. `::ffff:1.2.3.4` is `1.2.3.4`.

use std::net::IpAddr;

use actix_web::dev::RequestHead;
use ipnet::IpNet;

use crate::error::ConfigError;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word is taken, by address range.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn parse(ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let parse = |text: &str| {
            text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                ConfigError::new(
                    "trusted proxies",
                    format!("{text:?} is no address range; write one such as \"10.0.0.0/8\" or \"fd00::/8\""),
                )
            })
        };
        ranges.into_iter().map(|range| parse(range.as_ref().trim())).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the headers of the request were set by a trusted proxy.
    pub(crate) fn vouch_for(&self, head: &RequestHead) -> bool {
        head.peer_addr.is_some_and(|peer| self.trust(peer.ip().to_canonical()))
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The client's address; `None` where the connection has none (an in-process test).
    pub(crate) fn client(&self, head: &RequestHead) -> Option<IpAddr> {
        let mut address = head.peer_addr?.ip().to_canonical();
        if self.0.is_empty() || !self.trust(address) {
            return Some(address);
        }
        // Several header lines are one list, in their order (RFC 9110 §5.3).
        let mut lines: Vec<_> = head.headers.get_all(X_FORWARDED_FOR).collect();
        while let Some(line) = lines.pop() {
            let Ok(line) = line.to_str() else { return Some(address) };
            for hop in line.rsplit(',') {
                // A hop that can't be read was written by no proxy that we trust: stop at the one that passed it on.
                let Some(hop) = parse_hop(hop.trim()) else { return Some(address) };
                address = hop;
                if !self.trust(hop) {
                    return Some(address);
                }
            }
        }
        Some(address)
    }
}

/// An address, perhaps in brackets, perhaps with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    hop.parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

/// The address that a quota counts: IPv6 by its /64, because one client has a whole one (RFC 6177 section 2).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client(peer: &str, trusted: &[&str], forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:4711").parse().unwrap());
        for line in forwarded {
            request = request.append_header((X_FORWARDED_FOR, *line));
        }
        let proxies = TrustedProxies::parse(trusted).unwrap();
        proxies.client(request.to_http_request().head()).unwrap().to_string()
    }

    #[test]
    fn p2_only_a_trusted_peer_is_believed_and_from_the_right() {
        assert_eq!(client("203.0.113.9", &[], &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["10.0.0.0/8"], &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["6.6.6.6, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.0/8"], &["10.0.0.9"]), "10.0.0.9");
    }

    #[test]
    fn p2_what_no_proxy_writes_gives_no_fresh_address() {
        assert_eq!(client("10.0.0.1", &["10.0.0.1"], &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.1"], &["x, 10.0.0.1"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.1"], &[""]), "10.0.0.1");
    }

    #[test]
    fn p3_a_mapped_address_is_its_ipv4() {
        assert_eq!(client("[::ffff:203.0.113.9]", &[], &[]), "203.0.113.9");
        assert_eq!(client("[::ffff:10.0.0.1]", &["10.0.0.0/8"], &["[::ffff:198.51.100.1]:80"]), "198.51.100.1");
    }
}
