//! Address ranges, as written in settings.
//!
//! Threat: a range that is misread, such as a range of IPv4-mapped addresses that contains no IPv4 address (CWE-20).
//! Promise: a text that is not a range is an error at startup. A range of IPv4-mapped addresses is the corresponding IPv4
//! range.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::config_error::Mistakes;

/// Some address ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressRanges(Vec<IpNet>);

impl AddressRanges {
    /// The ranges that these texts name. A text that is not a range is reported as an error in `setting` and left out.
    pub(crate) fn parse(
        setting: &'static str,
        ranges: impl IntoIterator<Item = impl AsRef<str>>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut parse = |text: &str| {
            let range = range(text).map(canonical);
            if range.is_none() {
                let example = "write one such as \"10.0.0.0/8\" or \"fd00::/8\"";
                mistakes.report(setting, format!("must be address ranges, but {text:?} is not one; {example}"));
            }
            range
        };
        Self(ranges.into_iter().filter_map(|range| parse(range.as_ref().trim())).collect())
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether one of them contains all addresses.
    pub(crate) fn contain_all_addresses(&self) -> bool {
        self.0.iter().any(|range| range.prefix_len() == 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// The address must be canonical: not an IPv4-mapped address.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

/// Addresses are parsed by the standard library: `010.0.0.1` is rejected, because other software reads it as octal.
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
        AddressRanges::parse("test", ranges, &mut Mistakes::default())
    }

    #[test]
    fn mapped_range_is_its_ipv4_range() {
        let mapped = ranges(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.7"]);
        assert!(mapped.contain([10, 9, 8, 7].into()) && mapped.contain([192, 0, 2, 7].into()));
        assert!(!mapped.contain([11, 0, 0, 1].into()) && !mapped.contain([192, 0, 2, 8].into()));
        assert!(ranges(&["fd00::/8"]).contain("fd12::1".parse().unwrap()));
    }

    #[test]
    fn malformed_range_names_the_setting() {
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0", "010.0.0.0/8", "*", "10.0.0.0/8,11.0.0.0/8"] {
            let mut mistakes = Mistakes::default();
            let _ = AddressRanges::parse("the setting", [text], &mut mistakes);
            assert_eq!(mistakes.into_result().unwrap_err().setting(), "the setting", "{text}");
        }
    }
}
