//! Which addresses are one client.
//!
//! Threat: a client that has 2^64 addresses takes a fresh rate limit with each (CWE-770, CWE-799). Promise: IPv6 addresses of one
//! prefix are one client; an IPv4 address is one, also where a dual-stack socket writes it as IPv6.

use std::net::{IpAddr, Ipv6Addr};

use crate::config_error::ConfigError;

/// The part of an IPv6 address by which clients are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressGroup {
    mask: u128,
}

impl AddressGroup {
    /// # Errors
    ///
    /// Unless it is 32 to 128: a shorter one would be more than one provider (RFC 6177 §2 gives sites /48 to /64).
    pub(crate) fn of_prefix(prefix: u8) -> Result<Self, ConfigError> {
        let hosts = 128_u32.checked_sub(u32::from(prefix)).filter(|_| prefix >= 32).ok_or_else(|| {
            ConfigError::new("ipv6_prefix", format!("{prefix} is out of bounds; write 32 to 128, such as 64"))
        })?;
        // All 128 bits can't be shifted out: at most 96 are asked for.
        Ok(Self { mask: u128::MAX.checked_shl(hosts).unwrap_or_default() })
    }

    /// The address that stands for the whole client.
    pub(crate) fn client_of(self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & self.mask)),
            v4 => v4,
        }
    }
}

impl Default for AddressGroup {
    /// By /64, the smallest that a site is given.
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
