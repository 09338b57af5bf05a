//! Ranges of addresses in rules: `10.0.0.0/8`, `fd00::/8`, `192.0.2.7`.
//!
//! Threat: a range that contains other addresses than its reader thinks (CWE-1389, CWE-20): an octal number, a prefix that cuts
//! off what stands before it, or a range of IPv4-mapped addresses that contains no IPv4 address. Promise: a text that is not
//! exactly one network is an error with its cure. A range of IPv4-mapped addresses is the IPv4 range.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The syntax of a network, for error messages.
pub const FORMS: &str = "write a network, such as \"10.0.0.0/8\" or \"fd00::/8\", or an address, such as \"192.0.2.7\"";

/// A range of addresses. An address alone is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4: the first address, and how many leading bits all addresses of the range share.
    V4([u8; 4], u8),
    /// IPv6, the same, as eight groups of 16 bits.
    V6([u16; 8], u8),
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// It is neither an address nor an address with a prefix length.
    NotANetwork,
    /// Its prefix is longer than its address.
    PrefixTooLong,
    /// Its address has bits behind the prefix, so it is unclear which of the two is meant.
    HostBits {
        /// The network that contains the address.
        meant: Network,
    },
    /// It contains every address of its family.
    Everything,
}

impl Network {
    /// Reads a network. There must be no white space around it.
    ///
    /// # Errors
    ///
    /// If the text is not exactly one network, or contains every address.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        // The standard library rejects `010.0.0.1`, which other software reads as octal.
        let address: IpAddr = address.parse().map_err(|_| NetworkError::NotANetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) => number(digits).ok_or(NetworkError::NotANetwork)?,
        };
        if prefix > longest {
            return Err(NetworkError::PrefixTooLong);
        }
        let network = Self::containing(address, prefix);
        if prefix == 0 || matches!(network, Self::V4(_, 0)) {
            return Err(NetworkError::Everything);
        }
        if network.first() != address.to_canonical() {
            return Err(NetworkError::HostBits { meant: network });
        }
        Ok(network)
    }

    /// The network of this prefix length that contains the address. The range of IPv4-mapped addresses `::ffff:10.0.0.0/104` is
    /// `10.0.0.0/8`.
    fn containing(address: IpAddr, prefix: u8) -> Self {
        match address {
            IpAddr::V4(four) => Self::V4(Ipv4Addr::from_bits(four.to_bits() & mask4(prefix)).octets(), prefix),
            IpAddr::V6(six) => match (six.to_ipv4_mapped(), prefix.checked_sub(96)) {
                (Some(four), Some(prefix)) => Self::containing(four.into(), prefix),
                _ => Self::V6(Ipv6Addr::from_bits(six.to_bits() & mask6(prefix)).segments(), prefix),
            },
        }
    }

    /// Whether it contains the address. An IPv4-mapped address is its IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (*self, address.to_canonical()) {
            (Self::V4(first, prefix), IpAddr::V4(four)) => {
                (four.to_bits() ^ Ipv4Addr::from(first).to_bits()) & mask4(prefix) == 0
            }
            (Self::V6(first, prefix), IpAddr::V6(six)) => {
                (six.to_bits() ^ Ipv6Addr::from(first).to_bits()) & mask6(prefix) == 0
            }
            _ => false,
        }
    }

    /// The first address.
    fn first(&self) -> IpAddr {
        match *self {
            Self::V4(first, _) => first.into(),
            Self::V6(first, _) => first.into(),
        }
    }
}

/// Prints the shortest text that [`Network::parse`] reads as this network.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(_, 32) | Self::V6(_, 128) => self.first().fmt(f),
            Self::V4(_, prefix) | Self::V6(_, prefix) => write!(f, "{}/{prefix}", self.first()),
        }
    }
}

impl NetworkError {
    /// The error as a sentence about the text.
    #[must_use]
    pub fn message(self, text: &str) -> String {
        match self {
            Self::NotANetwork => format!("{text:?} is not a network"),
            Self::PrefixTooLong => format!("the prefix of {text:?} is longer than its address"),
            Self::HostBits { .. } => format!("{text:?} is an address inside of a network, not a network"),
            Self::Everything => format!("{text:?} contains every address, so it restricts nothing"),
        }
    }

    /// How to fix it.
    #[must_use]
    pub fn help(self, text: &str) -> String {
        match self {
            Self::NotANetwork | Self::PrefixTooLong => FORMS.to_owned(),
            Self::HostBits { meant } => {
                let address = text.split('/').next().unwrap_or(text);
                format!("write \"{meant}\" for the network, or \"{address}\" for the one address")
            }
            Self::Everything => "name the networks that are meant, or remove the condition".to_owned(),
        }
    }
}

/// Digits without a sign and without leading zeros.
fn number(digits: &str) -> Option<u8> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if is_plain { digits.parse().ok() } else { None }
}

const fn mask4(prefix: u8) -> u32 {
    // A shift by the whole width is no mask at all.
    match u32::MAX.checked_shr(prefix as u32) {
        Some(host) => !host,
        None => u32::MAX,
    }
}

const fn mask6(prefix: u8) -> u128 {
    match u128::MAX.checked_shr(prefix as u32) {
        Some(host) => !host,
        None => u128::MAX,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    #[test]
    fn networks_contain_their_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:9.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.6/31", "192.0.2.7", "192.0.2.5"),
            ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
            ("::ffff:10.0.0.0/104", "10.9.8.7", "11.0.0.1"),
            ("fd00::/8", "fd12::1", "fe00::1"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("8000::/1", "ffff::", "7fff::"),
            // An IPv6 range contains no IPv4 address.
            ("::/1", "::1", "10.0.0.1"),
        ] {
            let range = read(network);
            assert!(range.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{network} {outside}");
        }
    }

    #[test]
    fn texts_that_are_not_one_network_are_errors() {
        use NetworkError::{Everything, HostBits, NotANetwork, PrefixTooLong};
        for text in [
            "",
            "/",
            "/8",
            "10",
            "10.0.0",
            "10.0.0.0/",
            "10.0.0.0/ 8",
            " 10.0.0.0/8",
            "10.0.0.0/8 ",
            "010.0.0.0/8",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0/999",
            "localhost",
            "*",
            "10.0.0.0/8,11.0.0.0/8",
            "fe80::1%eth0",
            "[::1]",
            "10.0.0.0:80",
            "0x0a.0.0.0/8",
        ] {
            assert_eq!(Network::parse(text), Err(NotANetwork), "{text:?}");
        }
        for text in ["10.0.0.0/33", "::1/129", "10.0.0.0/128"] {
            assert_eq!(Network::parse(text), Err(PrefixTooLong), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/0", "::ffff:0:0/96"] {
            assert_eq!(Network::parse(text), Err(Everything), "{text}");
        }
        for (text, network) in
            [("10.1.2.3/8", "10.0.0.0/8"), ("fd00::1/8", "fd00::/8"), ("192.0.2.7/31", "192.0.2.6/31")]
        {
            let error = Network::parse(text).unwrap_err();
            assert_eq!(error, HostBits { meant: read(network) }, "{text}");
            assert!(error.help(text).contains(network), "{}", error.help(text));
        }
    }

    proptest! {
        #[test]
        fn a_network_is_printed_as_it_is_read(bits: u128, prefix in 1_u8..=128, four: u32, short in 1_u8..=32) {
            for network in [
                Network::containing(Ipv6Addr::from_bits(bits).into(), prefix),
                Network::containing(Ipv4Addr::from_bits(four).into(), short),
            ] {
                prop_assert_eq!(Network::parse(&network.to_string()), Ok(network));
            }
        }

        /// The same as comparing the leading bits as text.
        #[test]
        fn membership_is_the_leading_bits(one: u32, other: u32, prefix in 1_u8..=32) {
            let network = Network::containing(Ipv4Addr::from_bits(one).into(), prefix);
            let leading = |bits: u32| format!("{bits:032b}")[..usize::from(prefix)].to_owned();
            prop_assert_eq!(network.contains(Ipv4Addr::from_bits(other).into()), leading(one) == leading(other));
            prop_assert!(network.contains(Ipv4Addr::from_bits(one).into()));
        }
    }
}
