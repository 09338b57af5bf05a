//! The list of allowed hosts.
//!
//! Threat: an entry that is read as another host than the developer meant, or a host that only resembles an entry (CWE-183).
//! Promise: an entry is a name or an address, with or without a port, or each name below one. Hosts are compared as wholes and
//! without case. What cannot be read is a configuration error.

use std::fmt;
use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::header::{HOST, HeaderName};

use super::name::{HostAndPort, HostName, name_below};
use crate::config_error::Mistakes;

const SETTING: &str = "hosts";
/// A static, because a constant would be built and dropped for each request.
static NAME: HeaderName = HOST;
/// A client leaves out the port of its scheme. Behind a proxy the scheme is unknown.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// The hosts for which the application responds.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts {
    /// The entries without a `*`, as most clients write them, so that most requests need one comparison.
    exact: Vec<Box<[u8]>>,
    entries: Vec<AllowedHost>,
}

#[derive(Debug, PartialEq)]
struct AllowedHost {
    pattern: HostPattern,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, PartialEq)]
enum HostPattern {
    Name(Box<str>),
    /// Each name that ends with this text, which begins with a dot.
    Below(Box<str>),
    Address(IpAddr),
}

impl AllowedHosts {
    pub(crate) fn parse(hosts: impl IntoIterator<Item = impl AsRef<str>>, mistakes: &mut Mistakes) -> Self {
        let mut allowed = Self::default();
        let mut is_empty = true;
        for text in hosts {
            is_empty = false;
            match AllowedHost::parse(text.as_ref()) {
                // An address that is also a name of the listener is often listed twice.
                Ok(entry) if allowed.entries.contains(&entry) => {}
                Ok(entry) => {
                    if !matches!(entry.pattern, HostPattern::Below(_)) {
                        allowed.exact.push(text.as_ref().to_ascii_lowercase().into_bytes().into());
                    }
                    allowed.entries.push(entry);
                }
                Err(problem) => mistakes.report(SETTING, problem),
            }
        }
        if is_empty {
            let problem = "needs at least one host, because an empty list rejects every request: name the hosts of the \
                           application, or leave the setting out";
            mistakes.report(SETTING, problem);
        }
        allowed
    }

    /// Whether the request names a host in one place, and that is written as in the list. A repeated `Host` is found by
    /// `request_sanity`, which looks at all headers.
    #[inline]
    pub(super) fn hold_only(&self, head: &RequestHead) -> bool {
        only_host(head).is_some_and(|host| self.exact.iter().any(|own| **own == *host))
    }

    /// The entries as they are compared.
    pub(super) fn names(&self) -> Vec<String> {
        self.entries.iter().map(AllowedHost::to_string).collect()
    }

    pub(crate) fn contain(&self, host: HostAndPort<'_>) -> bool {
        self.entries.iter().any(|entry| entry.matches(host))
    }
}

/// The host of a request that names one in one place only.
#[inline]
fn only_host(head: &RequestHead) -> Option<&[u8]> {
    match (head.headers.get(&NAME), head.uri.authority()) {
        (Some(host), None) => Some(host.as_bytes()),
        (None, Some(authority)) => Some(authority.as_str().as_bytes()),
        _ => None,
    }
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self, String> {
        let below = text.strip_prefix("*.");
        let host = HostAndPort::parse(below.unwrap_or(text).as_bytes()).ok_or_else(|| explained(text))?;
        let pattern = match (host.host, below) {
            (HostName::Dns(name), _) if name.ends_with('.') => {
                return Err(format!("{text:?} ends with a dot, which clients leave out: write it without"));
            }
            (HostName::Dns(name), _) if is_number(name) => {
                return Err(format!("{text:?} is neither a name nor an address: write an address with four numbers"));
            }
            (HostName::Dns(name), None) => HostPattern::Name(name.to_ascii_lowercase().into()),
            (HostName::Dns(name), Some(_)) => HostPattern::Below(format!(".{}", name.to_ascii_lowercase()).into()),
            (HostName::Address(address), None) => HostPattern::Address(address),
            (HostName::Address(_), Some(_)) => {
                return Err(format!("{text:?} has a `*` before an address: list each address"));
            }
        };
        Ok(Self { pattern, port: host.port })
    }

    fn matches(&self, HostAndPort { host, port }: HostAndPort<'_>) -> bool {
        let is_host = match (&self.pattern, host) {
            (HostPattern::Name(own), HostName::Dns(name)) => name.eq_ignore_ascii_case(own),
            (HostPattern::Below(suffix), HostName::Dns(name)) => name_below(name, suffix),
            (HostPattern::Address(own), HostName::Address(address)) => *own == address,
            _ => false,
        };
        let is_port = match (self.port, port) {
            (None, _) => true,
            (Some(own), None) => DEFAULT_PORTS.contains(&own),
            (Some(own), Some(port)) => own == port,
        };
        is_host && is_port
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            HostPattern::Name(name) => write!(f, "{name}")?,
            HostPattern::Below(suffix) => write!(f, "*{suffix}")?,
            HostPattern::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            HostPattern::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether the last label is a number. Such a name is an address to some readers (`127.1`).
fn is_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What is wrong with an entry, and its cure.
fn explained(text: &str) -> String {
    let form = "write a host such as \"api.example.com\", \"api.example.com:8443\", \"*.example.com\", \"192.0.2.7\" or \"[::1]\"";
    let cure = if text == "*" {
        "allows every host: for that, use `.danger_any_host()`".to_owned()
    } else if text.contains("://") {
        "is a URL: leave out its scheme and its path".to_owned()
    } else if !text.is_ascii() {
        "is not ASCII: write it as clients send it, as in \"xn--bcher-kva.example\"".to_owned()
    } else if text.contains('*') {
        "has a `*` that does not stand for the whole start of a name".to_owned()
    } else if text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()) {
        format!("needs brackets: \"[{text}]\"")
    } else {
        "is not a host".to_owned()
    };
    format!("{text:?} {cure}; {form}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str]) -> AllowedHosts {
        let mut mistakes = Mistakes::default();
        let allowed = AllowedHosts::parse(hosts, &mut mistakes);
        mistakes.into_result().unwrap();
        allowed
    }

    fn contains(entry: &str, host: &str) -> bool {
        allowed(&[entry]).contain(HostAndPort::parse(host.as_bytes()).unwrap())
    }

    #[test]
    fn hosts_are_compared_as_wholes_and_without_case() {
        for (entry, host) in [
            ("api.example.com", "api.example.com"),
            ("API.Example.com", "api.EXAMPLE.com:8443"),
            ("api.example.com:8443", "api.example.com:8443"),
            ("api.example.com:443", "api.example.com"),
            ("api.example.com:80", "api.example.com"),
            ("*.example.com", "a.example.com"),
            ("*.example.com", "b.a.example.com:3000"),
            ("*.example.com:443", "a.example.com"),
            ("192.0.2.7", "192.0.2.7:80"),
            ("[2001:db8::1]", "[2001:DB8:0:0:0:0:0:1]:443"),
        ] {
            assert!(contains(entry, host), "{entry} {host}");
        }
        for (entry, host) in [
            ("api.example.com", "api.example.com."),
            ("api.example.com", "xapi.example.com"),
            ("api.example.com", "x.api.example.com"),
            ("api.example.com", "api.example.com.evil.example"),
            ("api.example.com:8443", "api.example.com"),
            ("api.example.com:8443", "api.example.com:8444"),
            ("api.example.com:443", "api.example.com:80"),
            ("*.example.com", "example.com"),
            ("*.example.com", "evilexample.com"),
            ("*.example.com", "a.example.com."),
            ("*.example.com", "a.example.com.evil.example"),
            ("*.example.com:8443", "a.example.com"),
            ("192.0.2.7", "192.0.2.8"),
            ("[::1]", "127.0.0.1"),
        ] {
            assert!(!contains(entry, host), "{entry} {host}");
        }
    }

    #[test]
    fn a_repeated_entry_is_one() {
        let allowed = allowed(&["a.example", "127.0.0.1", "A.example", "127.0.0.1", "a.example:443"]);
        assert_eq!((allowed.entries.len(), allowed.exact.len()), (3, 3));
    }

    #[test]
    fn other_entries_are_mistakes_with_a_cure() {
        for (entry, cure) in [
            ("", "is not a host"),
            ("*", "danger_any_host"),
            ("*.", "`*`"),
            ("*.*.example.com", "`*`"),
            ("api.*.com", "`*`"),
            ("*example.com", "`*`"),
            ("*.192.0.2.7", "list each address"),
            ("*.[::1]", "list each address"),
            ("https://api.example.com", "leave out its scheme"),
            ("api.example.com/", "is not a host"),
            ("user@api.example.com", "is not a host"),
            ("api.example.com:https", "is not a host"),
            ("api.example.com.", "ends with a dot"),
            ("bücher.example", "xn--bcher-kva"),
            ("::1", "\"[::1]\""),
            ("127.1", "four numbers"),
            ("a.example, b.example", "is not a host"),
        ] {
            let mut mistakes = Mistakes::default();
            let _ = AllowedHosts::parse([entry], &mut mistakes);
            let error = mistakes.into_result().unwrap_err();
            assert_eq!(error.setting(), "hosts");
            assert!(error.to_string().contains(cure), "{entry}: {error}");
        }
        let mut mistakes = Mistakes::default();
        let _ = AllowedHosts::parse(["*", "::1"], &mut mistakes);
        let _ = AllowedHosts::parse(<[&str; 0]>::default(), &mut mistakes);
        assert_eq!(mistakes.into_result().unwrap_err().mistakes().count(), 3);
    }
}
