//! A host with its port, as `Host` and `:authority` have it.
//!
//! Threat: a text that looks like an allowed host to one reader and like another one to the next: a user name before an `@`, a list,
//! a path, an escape (CWE-20). Promise: only a DNS name, an IPv4 address or an IPv6 address in brackets is read, each with an optional
//! port. Everything else is malformed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// RFC 1035 §2.3.4, as text without the root.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostAndPort<'t> {
    pub(crate) host: HostName<'t>,
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostName<'t> {
    /// As it is written: in any case, with or without the root at its end.
    Dns(&'t str),
    /// An IPv4-mapped address is its IPv4 address.
    Address(IpAddr),
}

impl<'t> HostAndPort<'t> {
    pub(crate) fn parse(text: &'t [u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (host, after) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                let address = IpAddr::from(address.parse::<Ipv6Addr>().ok()?);
                (HostName::Address(address.to_canonical()), Some(after).filter(|after| !after.is_empty()))
            }
            None => {
                let (name, after) = text.find(':').and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
                (HostName::parse(name)?, Some(after).filter(|after| !after.is_empty()))
            }
        };
        let port = match after {
            Some(after) => Some(port(after.strip_prefix(':')?)?),
            None => None,
        };
        Some(Self { host, port })
    }

    /// Whether browsers resolve it to this machine only (RFC 6761 §6.3).
    pub(super) fn is_loopback(self) -> bool {
        match self.host {
            HostName::Address(address) => address.is_loopback(),
            HostName::Dns(name) => name.eq_ignore_ascii_case("localhost") || name_below(name, ".localhost"),
        }
    }
}

impl<'t> HostName<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let labels = text.strip_suffix('.').unwrap_or(text);
        let is_name = labels.len() <= LONGEST_NAME && labels.split('.').all(is_label);
        is_name.then_some(Self::Dns(text))
    }
}

/// Whether the name ends with this suffix, which begins with a dot, and has something before it.
pub(super) fn name_below(name: &str, suffix: &str) -> bool {
    let before = name.len().checked_sub(suffix.len()).filter(|before| *before > 0);
    before.and_then(|before| name.get(before..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// An underscore is in no name of a host (RFC 952), but in some that are used.
fn is_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(is_allowed)
}

fn port(digits: &str) -> Option<u16> {
    let is_number = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(HostName<'_>, Option<u16>)> {
        HostAndPort::parse(text.as_bytes()).map(|read| (read.host, read.port))
    }

    #[test]
    fn hosts_are_read() {
        let address = |text: &str| HostName::Address(text.parse().unwrap());
        for (text, host, port) in [
            ("api.example.com", HostName::Dns("api.example.com"), None),
            ("API.example.com:8443", HostName::Dns("API.example.com"), Some(8443)),
            ("api.example.com.", HostName::Dns("api.example.com."), None),
            ("a_b", HostName::Dns("a_b"), None),
            ("127.1", HostName::Dns("127.1"), None),
            ("192.0.2.7:80", address("192.0.2.7"), Some(80)),
            ("[::1]", address("::1"), None),
            ("[0:0:0:0:0:0:0:1]:3000", address("::1"), Some(3000)),
            ("[::ffff:192.0.2.7]", address("192.0.2.7"), None),
        ] {
            assert_eq!(read(text), Some((host, port)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_malformed() {
        let long_label = format!("{}.example.com", "a".repeat(64));
        let long_name = ["a"; 128].join(".");
        for text in [
            "",
            ":80",
            ".",
            "..",
            "a..b",
            ".example.com",
            "user@api.example.com",
            "api.example.com/",
            "api.example.com/path",
            "api.example.com?q",
            "api.example.com#f",
            "api.example.com,evil.example",
            "api.example.com evil.example",
            " api.example.com",
            "api.example.com ",
            "api.example.com\t",
            "api.example.com:",
            "api.example.com:0",
            "api.example.com:65536",
            "api.example.com:+80",
            "api.example.com:000080",
            "api.example.com:80:80",
            "api.example.com:80a",
            "api%2eexample.com",
            "bücher.example",
            "*.example.com",
            "http://api.example.com",
            "::1",
            "[::1",
            "[::1]80",
            "[::1%25lo]",
            "[127.0.0.1]",
            "[]",
            "api\0.example.com",
            &long_label,
            &long_name,
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(HostAndPort::parse(b"\xff"), None);
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let is_loopback = |text: &str| HostAndPort::parse(text.as_bytes()).unwrap().is_loopback();
        for text in ["localhost", "LOCALHOST:3000", "app.localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:8443"] {
            assert!(is_loopback(text), "{text}");
        }
        for text in [
            "localhost.",
            "localhost.example.com",
            "notlocalhost",
            "127.0.0.1.example.com",
            "127.1",
            "0.0.0.0",
            "[::]",
            "10.0.0.1",
            "2130706433",
        ] {
            assert!(!is_loopback(text), "{text}");
        }
    }
}
