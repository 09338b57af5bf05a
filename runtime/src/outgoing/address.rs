//! Addresses that may be called.

use std::fmt;
#[cfg(feature = "oauth")]
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::config_error::ConfigError;

/// An address with `https`, or with `http` on the loopback interface, without a user and a fragment.
///
/// `Display` leaves out the query, because it may contain a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
    is_loopback: bool,
}

impl Address {
    /// Reads an address that the application configured. `setting` is named by the error.
    pub(crate) fn configured(setting: &'static str, text: &str) -> Result<Self, ConfigError> {
        Self::read(text).map_err(|problem| ConfigError::new(setting, problem))
    }

    fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("must be a valid URL: {error}"))?;
        let is_loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => {
                return Err(
                    "must be https (http only on the loopback interface), because the response is trusted".to_owned()
                );
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user or a password, because it is logged".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not contain a fragment, because it is not sent".to_owned());
        }
        Ok(Self { url, is_loopback })
    }

    /// Reads an address that a document at this address names. The document of a server elsewhere cannot name the loopback interface
    /// (CWE-918), in whichever words. It can name addresses of a private network, and names that resolve to them.
    #[cfg(feature = "oauth")]
    pub(crate) fn named_here(&self, text: &str) -> Result<Self, String> {
        match Self::read(text)? {
            named if is_this_machine(&named.url) && !is_this_machine(&self.url) => {
                Err("must not be on the loopback interface, because the issuer is not".to_owned())
            }
            named => Ok(named),
        }
    }

    /// The same host with another path, without a query.
    #[cfg(feature = "oauth")]
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(None);
        Self { url, is_loopback: self.is_loopback }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the address leads to this machine by any of the names of its loopback interface.
#[cfg(feature = "oauth")]
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            // RFC 6761 §6.3, and the names that systems write into their table of hosts.
            OF_THIS_MACHINE.contains(&name) || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_of_this_machine(address),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unspecified() || inner_ipv4(address).is_some_and(is_of_this_machine)
        }
        None => false,
    }
}

#[cfg(feature = "oauth")]
const OF_THIS_MACHINE: [&str; 8] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
];

/// RFC 1122 §3.2.1.3: 0.0.0.0/8 is "this host on this network", and Linux connects to itself.
#[cfg(feature = "oauth")]
fn is_of_this_machine(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.octets().first() == Some(&0)
}

/// The IPv4 address in a mapped or compatible one (RFC 4291 §2.5.5), or behind a translator (RFC 6052 §2.1).
#[cfg(feature = "oauth")]
fn inner_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0 | 0x64, 0 | 0xff9b, 0, 0, 0, 0 | 0xffff, _, _] = address.segments() else { return None };
    let [.., a, b, c, d] = address.octets();
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_needs_https_or_loopback() {
        for good in ["https://a.example/x?y=z", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/x"] {
            assert!(Address::configured("url", good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/x",
            "http://127.0.0.1.a.example/x",
            "http://192.168.0.1/x",
            "http://0.0.0.0/x",
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
            "data:application/json,{}",
            "https://user:secret@a.example/x",
            "https://a.example/x#y",
            "a.example",
            "",
        ] {
            let mistake = Address::configured("url", bad).unwrap_err().to_string();
            assert!(mistake.starts_with("url: ") && !mistake.contains("secret"), "{bad}: {mistake}");
        }
    }

    #[test]
    fn display_has_no_query() {
        let address = Address::configured("url", "https://a.example:8443/x?key=secret").unwrap();
        assert_eq!(address.to_string(), "https://a.example:8443/x");
    }

    #[cfg(feature = "oauth")]
    #[test]
    fn document_from_elsewhere_cannot_name_loopback() {
        let elsewhere = Address::configured("url", "https://a.example/").unwrap();
        for bad in [
            "http://127.0.0.1/x",
            "https://127.9.9.9/x",
            "https://localhost/x",
            "https://LOCALHOST./x",
            "https://a.localhost/x",
            "https://localhost.localdomain/x",
            "https://ip6-localhost/x",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://0.0.0.0/",
            "https://0/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::]/",
            "https://[::ffff:0.0.0.0]/",
            "http://b.example/",
            "file:///x",
        ] {
            assert!(elsewhere.named_here(bad).is_err(), "{bad}");
        }
        for good in ["https://localhost.example/", "https://10.0.0.1/", "https://[2001:db8::1]/"] {
            assert!(elsewhere.named_here(good).is_ok(), "{good}");
        }
        assert!(elsewhere.named_here("https://b.example/keys").is_ok());
        let here = Address::configured("url", "http://127.0.0.1:1/").unwrap();
        assert!(here.named_here("http://127.0.0.1:2/x").is_ok());
        assert!(here.named_here("http://b.example/x").is_err());
    }
}
