//! The address ranges of proxies.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::error::ConfigError;
use crate::transport::address_ranges::AddressRanges;

/// As wide as 10.0.0.0/8 and fc00::/7, the widest that belong to one network (RFC 1918, RFC 4193).
const WIDEST: (u8, u8) = (8, 7);

/// A range of IPv6 that has this one has all mapped addresses, and so means all of IPv4.
const MAPPED: IpAddr = IpAddr::V6(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped());

/// # Errors
///
/// If one is no range, or so wide that it holds clients.
pub(crate) fn proxy_ranges(ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Result<AddressRanges, ConfigError> {
    let ranges = AddressRanges::parse("trusted_proxies", ranges)?;
    if let Some(range) = ranges.iter().find(|range| too_wide(range)) {
        let problem =
            "holds clients, and whoever is trusted chooses its address; name the networks of the proxies alone";
        return Err(ConfigError::new("trusted_proxies", format!("{range} {problem}")));
    }
    Ok(ranges)
}

fn too_wide(range: &IpNet) -> bool {
    let (v4, v6) = WIDEST;
    range.prefix_len() < if matches!(range, IpNet::V4(_)) { v4 } else { v6 } || range.contains(&MAPPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_a_range_that_holds_clients_is_refused() {
        let wide =
            ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/7", "2000::/3", "::/8", "::/80", "::/64", "::ffff:0:0/96"];
        for range in wide.into_iter().chain(["::ffff:0:0/95", "::ffff:128.0.0.0/97", "::ffff:10.0.0.0/103"]) {
            let mistake = proxy_ranges(["192.0.2.1", range]).unwrap_err();
            assert!(mistake.to_string().contains("holds clients"), "{range}: {mistake}");
        }
    }

    #[test]
    fn the_widest_networks_of_proxies_are_ranges() {
        for range in ["10.0.0.0/8", "fc00::/7", "::ffff:10.0.0.0/104", "::1", "127.0.0.0/8", "2400:cb00::/32"] {
            assert!(proxy_ranges([range]).is_ok(), "{range}");
        }
    }
}
