//! The trusted proxies: address ranges and the Unix socket.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::config_error::Mistakes;
use crate::proxy::address_ranges::AddressRanges;

/// The prefix lengths of 10.0.0.0/8 and fc00::/7, the widest private ranges (RFC 1918, RFC 4193).
const WIDEST: (u8, u8) = (8, 7);

/// An IPv6 range that contains this address contains all IPv4-mapped addresses, and so all of IPv4.
const MAPPED: IpAddr = IpAddr::V6(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped());

const SETTING: &str = "trusted_proxies";

/// A peer that connects to a Unix socket: it has no address.
const UNIX_SOCKET: &str = "unix:";

/// The peers that are trusted to name the client.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyPeers {
    ranges: AddressRanges,
    unix_socket: bool,
}

impl ProxyPeers {
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.unix_socket
    }

    /// The address must be canonical: not an IPv4-mapped address.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.ranges.contain(address)
    }

    /// Whether the peer of a connection is trusted. A peer on a Unix socket has no address.
    pub(super) fn trust(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix_socket, |address| self.contain(address))
    }
}

/// Parses the peers. A text that is neither `"unix:"` nor a range is reported and left out. A range that is wide enough to
/// contain clients is reported.
pub(crate) fn proxy_peers(peers: impl IntoIterator<Item = impl AsRef<str>>, mistakes: &mut Mistakes) -> ProxyPeers {
    let mut unix_socket = false;
    let mut ranges = Vec::new();
    for peer in peers {
        let peer = peer.as_ref().trim();
        if peer == UNIX_SOCKET {
            unix_socket = true;
        } else if peer.starts_with("unix") || peer.starts_with('/') {
            let problem =
                format!("must be address ranges or \"unix:\", which means each Unix socket; {peer:?} is neither");
            mistakes.report(SETTING, problem);
        } else {
            ranges.push(peer.to_owned());
        }
    }
    let ranges = AddressRanges::parse(SETTING, ranges, mistakes);
    for range in ranges.iter().filter(|range| too_wide(range)) {
        let problem =
            "contains clients, and a trusted peer can claim any address; list only the networks of the proxies";
        mistakes.report(SETTING, format!("must be narrower: {range} {problem}"));
    }
    ProxyPeers { ranges, unix_socket }
}

fn too_wide(range: &IpNet) -> bool {
    let (v4, v6) = WIDEST;
    range.prefix_len() < if matches!(range, IpNet::V4(_)) { v4 } else { v6 } || range.contains(&MAPPED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_error::ConfigError;

    fn peers(texts: &[&str]) -> Result<ProxyPeers, ConfigError> {
        let mut mistakes = Mistakes::default();
        let peers = proxy_peers(texts, &mut mistakes);
        mistakes.into_result().map(|()| peers)
    }

    #[test]
    fn range_that_contains_clients_is_rejected() {
        let wide =
            ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/7", "2000::/3", "::/8", "::/80", "::/64", "::ffff:0:0/96"];
        for range in wide.into_iter().chain(["::ffff:0:0/95", "::ffff:128.0.0.0/97", "::ffff:10.0.0.0/103"]) {
            let mistake = peers(&["192.0.2.1", range]).unwrap_err();
            assert!(mistake.to_string().contains("contains clients"), "{range}: {mistake}");
        }
    }

    #[test]
    fn wide_proxy_networks_are_accepted() {
        for range in ["10.0.0.0/8", "fc00::/7", "::ffff:10.0.0.0/104", "::1", "127.0.0.0/8", "2400:cb00::/32"] {
            assert!(peers(&[range]).is_ok(), "{range}");
        }
    }

    #[test]
    fn unix_socket_peer_has_no_address() {
        let both = peers(&[" unix: ", "10.0.0.0/8"]).unwrap();
        assert!(both.trust(None) && both.trust(Some([10, 0, 0, 1].into())) && !both.trust(Some([127, 0, 0, 1].into())));
        assert!(!peers(&["10.0.0.0/8"]).unwrap().trust(None));
        let socket = peers(&["unix:"]).unwrap();
        assert!(!socket.is_empty() && !socket.trust(Some([127, 0, 0, 1].into())));
        assert!(peers(&[]).unwrap().is_empty());
        for text in ["unix", "unix:/run/api.sock", "unix://", "/run/api.sock"] {
            let mistake = peers(&[text]).unwrap_err().to_string();
            assert!(mistake.contains("trusted_proxies") && mistake.contains("or \"unix:\""), "{mistake}");
        }
    }
}
