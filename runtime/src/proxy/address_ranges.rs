//! Address ranges, as an operator writes them.
//!
//! Threat: a range that is read as another one, such as a mapped IPv4 range that holds no IPv4 address (CWE-20).
//! Promise: what is no range is an error at boot; a range of mapped addresses is the range of IPv4 addresses that it means.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::config_error::ConfigError;

/// Some address ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressRanges(Vec<IpNet>);

impl AddressRanges {
    /// `setting` is what an error names.
    pub(crate) fn parse(setting: &str, ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let parse = |text: &str| {
            range(text).map(canonical).ok_or_else(|| {
                let problem = format!("{text:?} is no address range; write one such as \"10.0.0.0/8\" or \"fd00::/8\"");
                ConfigError::new(setting.to_owned(), problem)
            })
        };
        ranges.into_iter().map(|range| parse(range.as_ref().trim())).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether one of them is every address there is.
    pub(crate) fn hold_everybody(&self) -> bool {
        self.0.iter().any(|range| range.prefix_len() == 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// The address has to be canonical: IPv4 where it is one.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

/// Addresses are read as the standard library does: `010.0.0.1` is none, because others take it for octal.
fn range(text: &str) -> Option<IpNet> {
    match text.split_once('/') {
        None => Some(text.parse::<IpAddr>().ok()?.into()),
        Some((address, prefix)) => IpNet::new(address.parse().ok()?, prefix.parse().ok()?).ok(),
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn canonical(range: IpNet) -> IpNet {
    let IpNet::V6(six) = range else { return range };
    let four: Option<Ipv4Addr> = six.addr().to_ipv4_mapped();
    let net = four.zip(six.prefix_len().checked_sub(96)).and_then(|(four, length)| Ipv4Net::new(four, length).ok());
    net.map_or(range, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(ranges: &[&str]) -> AddressRanges {
        AddressRanges::parse("test", ranges).unwrap()
    }

    #[test]
    fn mapped_range_is_its_ipv4_range() {
        let mapped = ranges(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.7"]);
        assert!(mapped.contain([10, 9, 8, 7].into()) && mapped.contain([192, 0, 2, 7].into()));
        assert!(!mapped.contain([11, 0, 0, 1].into()) && !mapped.contain([192, 0, 2, 8].into()));
        assert!(ranges(&["fd00::/8"]).contain("fd12::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_range_is_told_with_the_setting() {
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0", "010.0.0.0/8", "*", "10.0.0.0/8,11.0.0.0/8"] {
            assert!(AddressRanges::parse("the setting", [text]).unwrap_err().to_string().contains("the setting"));
        }
    }
}
