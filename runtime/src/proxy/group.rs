//! Groups of addresses that count as one client.
//!
//! Threat: a client that has 2^64 addresses gets a fresh rate limit with each of them (CWE-770, CWE-799). Promise: IPv6
//! addresses with one prefix count as one client. Each IPv4 address counts as one client, also if a dual-stack socket reports
//! it as an IPv4-mapped address.

use std::net::{IpAddr, Ipv6Addr};

use crate::config_error::ConfigError;

/// The part of an IPv6 address that identifies a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressGroup {
    mask: u128,
}

impl AddressGroup {
    /// # Errors
    ///
    /// Unless the prefix is 32 to 128 bits: a shorter one could cover more than one provider (RFC 6177 §2 gives sites /48 to
    /// /64).
    pub(crate) fn of_prefix(prefix: u8) -> Result<Self, ConfigError> {
        let hosts = 128_u32.checked_sub(u32::from(prefix)).filter(|_| prefix >= 32).ok_or_else(|| {
            ConfigError::new("ipv6_prefix", format!("must be 32 to 128, such as 64, but is {prefix}"))
        })?;
        // `hosts` is at most 96, so the shift cannot overflow.
        Ok(Self { mask: u128::MAX.checked_shl(hosts).unwrap_or_default() })
    }

    /// The address that represents the client.
    pub(crate) fn client_of(self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & self.mask)),
            v4 => v4,
        }
    }
}

impl Default for AddressGroup {
    /// /64, the smallest network that a site gets.
    fn default() -> Self {
        Self { mask: u128::MAX << 64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(prefix: u8, address: &str) -> String {
        AddressGroup::of_prefix(prefix).unwrap().client_of(address.parse().unwrap()).to_string()
    }

    #[test]
    fn ipv6_client_is_its_network() {
        for (prefix, client) in [
            (32, "2001:db8::"),
            (48, "2001:db8:1::"),
            (56, "2001:db8:1:ab00::"),
            (64, "2001:db8:1:abcd::"),
            (127, "2001:db8:1:abcd:3:4:5:6"),
            (128, "2001:db8:1:abcd:3:4:5:7"),
        ] {
            assert_eq!(counted(prefix, "2001:db8:1:abcd:3:4:5:7"), client, "{prefix}");
        }
        assert_eq!(AddressGroup::default(), AddressGroup::of_prefix(64).unwrap());
    }

    #[test]
    fn ipv4_client_is_its_address() {
        for prefix in [32, 64, 96, 128] {
            assert_eq!(counted(prefix, "203.0.113.9"), "203.0.113.9");
            assert_eq!(counted(prefix, "::ffff:203.0.113.9"), "203.0.113.9");
        }
    }

    #[test]
    fn out_of_range_ipv6_prefix_is_rejected() {
        for prefix in [0, 1, 31, 129, 255] {
            let mistake = AddressGroup::of_prefix(prefix).unwrap_err();
            assert_eq!(mistake.setting(), "ipv6_prefix", "{prefix}");
        }
    }
}
