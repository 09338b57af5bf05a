//! Parsing one address as proxies write it.
//!
//! Threat: an unsupported spelling, so that all clients behind the proxy count as one (CWE-799); a port that is read as part of
//! an address, so that each connection counts as another client (CWE-348).
//! Promise: a text has at most one meaning for a given header, and a malformed address is rejected.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

/// The same, or an IPv6 address with a port but without brackets, if the text as a whole is not an address.
pub(super) fn address_of_edge(text: &str) -> Option<IpAddr> {
    address(text).or_else(|| v6_before_port(text))
}

/// The same for a header that always has a port: even if the text as a whole could be an IPv6 address, its last part is the
/// port.
pub(super) fn address_before_port(text: &str) -> Option<IpAddr> {
    v6_before_port(text).or_else(|| address(text))
}

fn v6_before_port(text: &str) -> Option<IpAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let v6 = address.parse::<Ipv6Addr>().ok().filter(|_| is_port)?;
    Some(IpAddr::V6(v6).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(read: fn(&str) -> Option<IpAddr>, text: &str) -> String {
        read(text).map_or_else(|| "-".to_owned(), |address| address.to_string())
    }

    #[test]
    fn all_forms_of_an_address_are_read() {
        for (text, expected) in [
            ("198.51.100.1", "198.51.100.1"),
            ("198.51.100.1:46532", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:46532", "2001:db8::1"),
            ("[::ffff:198.51.100.1]:80", "198.51.100.1"),
        ] {
            for reader in [address, address_of_edge, address_before_port] {
                assert_eq!(read(reader, text), expected, "{text}");
            }
        }
    }

    #[test]
    fn port_without_brackets_is_recognized() {
        for (text, edge, always_a_port) in [
            ("2001:db8:1:0:0:0:0:1:443", "2001:db8:1::1", "2001:db8:1::1"),
            ("2001:db8::1:46532", "2001:db8::1", "2001:db8::1"),
            // This text is a whole address or an address with a port; only the header decides which.
            ("2001:db8::1:443", "2001:db8::1:443", "2001:db8::1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
            ("::ffff:198.51.100.1:443", "198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(read(address_of_edge, text), edge, "{text}");
            assert_eq!(read(address_before_port, text), always_a_port, "{text}");
        }
        assert_eq!(read(address, "2001:db8::1:46532"), "-", "a port in a list requires brackets");
    }

    #[test]
    fn malformed_address_is_not_read() {
        for text in [
            "",
            " ",
            ":",
            "[]",
            "[]:80",
            "unknown",
            "198.51.100.1:",
            "198.51.100.1:x",
            "198.51.100.1:65536",
            "198.51.100.1:80:80",
            "198.51.100.1/32",
            "198.51.100.01",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "[2001:db8::1]:99999",
            "2001:db8:1:0:0:0:0:1:+443",
            "2001:db8:1:0:0:0:0:1:",
            "2001:db8:1:0:0:0:0:1:99999",
            "2001:db8:1:0:0:0:0:1:44:33",
            "[2001:db8::1:46532]",
            "198.51.100.1, 6.6.6.6",
            "198.51.100.1 x",
        ] {
            for reader in [address, address_of_edge, address_before_port] {
                assert_eq!(read(reader, text), "-", "{text}");
            }
        }
    }
}
